"""The same clients, with answers signed in each way that `muster responder` can sign: who accepts what."""
import dataclasses

GOOD_WORDS = ("good", "valid", "trusted", "connected", "let in", "staples good")


@dataclasses.dataclass
class Kind:
    title: str
    signer: str            # as bench.Bench takes it
    issuer_keys: str = ""
    refused: dict = dataclasses.field(default_factory=dict)  # clients known to refuse such answers, and why


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
CLIENTS = ["openssl", "ocsptool", "gnutls-cli", "strongswan-pki", "go", "java", "nss-vfychain", "curl", "perl", "nginx-stapling",
           "nginx-clients", "apache-clients", "haproxy-update", "hitch", "caddy", "stunnel", "freeradius"]
QUICK = ["openssl", "ocsptool", "strongswan-pki", "nss-vfychain", "nginx-clients", "freeradius"]  # for each run of the tests


def judge(kind, result):
    """(word for the table, what is wrong) of a row's result under answers of `kind`."""
    if "skipped" in result:
        return "not tried", []
    if not result["problems"]:
        return "yes", []
    why = KINDS[kind].refused.get(result["row"].key)
    said = result.get("said", {})
    if why and said.get("revoked") not in GOOD_WORDS and said.get("unknown") not in GOOD_WORDS:
        return f"no: {why}", []
    return "no", result["problems"]
