"""The same clients, with answers signed in each way that `muster responder` can sign, and under each profile: who accepts what.

Nothing is let pass because it is known to go wrong: a known refusal is expected word for word, like any other conclusion, and what
stood on the wire must be right all the same.
"""
import dataclasses

CASES = ("good", "revoked", "unknown")


def _each(good, revoked=None, unknown=None):
    return dict(zip(CASES, (good, revoked or good, unknown or good)))


@dataclasses.dataclass
class Refusal:
    """A client that is known not to accept such answers."""
    why: str               # for the table
    said: dict             # case: what the client then concludes
    asks: tuple = CASES    # about which certificates it gets to ask; "ca" is the intermediate CA's


@dataclasses.dataclass
class Kind:
    """A way to answer."""
    title: str
    signer: str            # as bench.Bench takes it
    issuer_keys: str = ""
    refused: dict = dataclasses.field(default_factory=dict)  # row: Refusal
    said: dict = dataclasses.field(default_factory=dict)     # row: {case: conclusion} where it is not that of the row
    unissued: str = None   # what is answered about a serial never issued, where it is not that of the row
    nonces: bool | range = True    # whether the request's nonce is repeated, or which lengths are
    hashes: tuple = ("sha1", "sha256")  # of CertIDs; all others are unauthorized

    def expected(self, row):
        """{case: what the row's client must conclude}"""
        refusal = self.refused.get(row.key)
        return row.expected | self.said.get(row.key, {}) | (refusal.said if refusal else {})

    def due(self, case, hash_name, row):
        """What the responder must answer about the certificate of that case."""
        if hash_name not in self.hashes:
            return "unauthorized"
        return {"ca": "good", "unknown": self.unissued or row.unissued}.get(case, case)

    def asks(self, row):
        """About which certificates the row's client must have asked."""
        return self.refused[row.key].asks if row.key in self.refused else CASES

    def word(self, key):
        """For the table, of a row that went as expected."""
        return f"no: {self.refused[key].why}" if key in self.refused else "yes"


PLAIN = Kind("", "ec")
_GO = "x/crypto/ocsp does not know the algorithm"
_NEW_ALGORITHM = {"go": Refusal(_GO, _each("algorithm not known")), "caddy": Refusal(_GO, _each("no staple"))}
KINDS = {
    "direct": Kind("the CA itself", "direct", refused={
        "ocsptool": Refusal("wants `--load-signer`", _each("signer not found")),
        "apache-clients": Refusal("wants `SSLOCSPResponderCertificateFile`", _each("kept out: signer not found"), ("ca",)),
        "freeradius": Refusal("looks for the signer in the answer only", _each("kept out: signer not found"))}),
    "by-name": Kind("delegate, named by name", "ec", 'responder_id = "name"'),
    "rsa": Kind("delegate, RSA", "rsa"),
    "rsa-pss": Kind("delegate, RSA-PSS", "rsa", 'signature = "rsa-pss-sha256"', _NEW_ALGORITHM),
    "ed25519": Kind("delegate, Ed25519", "ed25519", refused=_NEW_ALGORITHM | {
        "nss-vfychain": Refusal("does not know the algorithm", _each("revoked"))}),
}
SIGNING = list(KINDS)


def _profile(name, **facts):
    return Kind(f"`{name}`", "ec", f'profile = "{name}"', **facts)


# What the clients make of "unauthorized" where others say unknown, of answers without the nonce they sent, and of both.
_UNAUTHORIZED = {key: {"unknown": word} for key, word in {
    "openssl": "unauthorized", "ocsptool": "unauthorized", "gnutls-cli": "connected, unchecked", "go": "unauthorized",
    "java": "refused", "perl": "refused: unauthorized", "nginx-clients": "kept out: unauthorized",
    "apache-clients": "kept out: unauthorized", "stunnel": "kept out: unauthorized", "freeradius": "kept out: unauthorized"}.items()}
_NO_NONCE = {"openssl": {case: f"{case}, no nonce in response" for case in CASES}}
_WANTS_NONCE = {
    "apache-clients": Refusal("wants its nonce back: `SSLOCSPUseRequestNonce off`", _each("kept out: no nonce"), ("ca",)),
    "freeradius": Refusal("wants its nonce back: `use_nonce = no`", _each("kept out: no nonce"))}
_LIGHTWEIGHT = _WANTS_NONCE | {"freeradius": Refusal(
    _WANTS_NONCE["freeradius"].why, _each("kept out: no nonce", unknown="kept out: unauthorized"))}
_SHORT_NONCE = {"freeradius": Refusal(
    "its nonce has 8 octets, and the profile repeats 16 to 32: `use_nonce = no`", _each("kept out: no nonce", unknown="kept out: unauthorized"))}
_SHA1_ONLY = Refusal("asked with SHA-256, which the profile refuses", {case: f"{case} by POST, unauthorized by GET" for case in CASES})
KINDS |= {
    "rfc9919": _profile("rfc9919", unissued="unauthorized", nonces=False, refused=_LIGHTWEIGHT, said=_UNAUTHORIZED | {
        "openssl": _NO_NONCE["openssl"] | _UNAUTHORIZED["openssl"]}),
    "cabf": _profile("cabf", unissued="unauthorized", nonces=range(16, 33), refused=_SHORT_NONCE, said=_UNAUTHORIZED),
    "microsoft": _profile("microsoft", unissued="unauthorized", nonces=range(16, 33), refused=_SHORT_NONCE, said=_UNAUTHORIZED),
    "etsi": _profile("etsi"),
    "fpki": _profile("fpki", nonces=False, hashes=("sha1",), refused=_WANTS_NONCE | {"go": _SHA1_ONLY}, said=_NO_NONCE),
    "ocpp": _profile("ocpp", nonces=False, refused=_WANTS_NONCE, said=_NO_NONCE),
}
PROFILES = ["rfc9919", "cabf", "microsoft", "etsi", "fpki", "ocpp"]
CLIENTS = ["openssl", "ocsptool", "gnutls-cli", "strongswan-pki", "strongswan-charon", "go", "java", "nss-vfychain", "curl", "perl", "nginx-stapling",
           "nginx-clients", "apache-clients", "haproxy-update", "hitch", "caddy", "stunnel", "freeradius"]
QUICK = ["openssl", "ocsptool", "strongswan-pki", "nss-vfychain", "nginx-clients", "freeradius"]  # for each run of the tests
