"""The same clients, with answers signed in each way that `muster responder` can sign, and under each profile: who accepts what."""
import dataclasses

GOOD_WORDS = ("good", "valid", "trusted", "connected", "let in", "staples good")


@dataclasses.dataclass
class Kind:
    title: str
    signer: str            # as bench.Bench takes it
    issuer_keys: str = ""
    refused: dict = dataclasses.field(default_factory=dict)  # clients known to refuse such answers, and why
    # Profiles may leave nonces out and refuse what they do not know: what counts then is what the client concludes.
    only_conclusions: bool = False


_GO = "x/crypto/ocsp does not know the algorithm"
KINDS = {
    "direct": Kind("the CA itself", "direct", refused={
        "ocsptool": "wants `--load-signer`",
        "apache-clients": "wants `SSLOCSPResponderCertificateFile`",
        "freeradius": "looks for the signer in the answer only"}),
    "by-name": Kind("delegate, named by name", "ec", 'responder_id = "name"'),
    "rsa": Kind("delegate, RSA", "rsa"),
    "rsa-pss": Kind("delegate, RSA-PSS", "rsa", 'signature = "rsa-pss-sha256"', {"go": _GO, "caddy": _GO}),
    "ed25519": Kind("delegate, Ed25519", "ed25519", "", {"go": _GO, "caddy": _GO, "nss-vfychain": "does not know the algorithm"}),
}
def _profile(name, **refused):
    return Kind(f"`{name}`", "ec", f'profile = "{name}"', {key.replace("_", "-"): why for key, why in refused.items()}, True)


SIGNING = list(KINDS)
PROFILES = ["rfc9919", "cabf", "microsoft", "etsi", "fpki", "ocpp"]
_NONCE = {"apache_clients": "wants its nonce back: `SSLOCSPUseRequestNonce off`", "freeradius": "wants its nonce back: `use_nonce = no`"}
KINDS |= {"rfc9919": _profile("rfc9919", **_NONCE), "cabf": _profile("cabf"), "microsoft": _profile("microsoft"),
          "etsi": _profile("etsi"), "ocpp": _profile("ocpp", **_NONCE),
          "fpki": _profile("fpki", go="asked with SHA-256, which the profile refuses", **_NONCE)}
CLIENTS = ["openssl", "ocsptool", "gnutls-cli", "strongswan-pki", "go", "java", "nss-vfychain", "curl", "perl", "nginx-stapling",
           "nginx-clients", "apache-clients", "haproxy-update", "hitch", "caddy", "stunnel", "freeradius"]
QUICK = ["openssl", "ocsptool", "strongswan-pki", "nss-vfychain", "nginx-clients", "freeradius"]  # for each run of the tests


def judge(kind, result):
    """(word for the table, what is wrong) of a row's result under answers of `kind`."""
    if "skipped" in result:
        return "not tried", []
    expected = result["row"].expected
    said = {case: word.partition(" (")[0] for case, word in result.get("said", {}).items()}
    if not result["problems"]:
        return "yes", []
    if KINDS[kind].only_conclusions and all(said.get(case) == expected[case] for case in ("good", "revoked")) and (
            said.get("unknown") == expected["unknown"] or said.get("unknown") not in GOOD_WORDS):
        return "yes", []
    why = KINDS[kind].refused.get(result["row"].key)
    if why and said.get("revoked") not in GOOD_WORDS and said.get("unknown") not in GOOD_WORDS:
        return f"no: {why}", []
    return "no", result["problems"]
