"""OCSP requests made by hand and answers taken apart (RFC 6960 section 4). Signatures are left to real verifiers."""
import base64
import dataclasses
import datetime
import hashlib
import pathlib
import re
import urllib.parse

from . import der

HASHES = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2",
          "sha512": "2.16.840.1.101.3.4.2.3"}
NONCE = "1.3.6.1.5.5.7.48.1.2"
STATUS = {0: "successful", 1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}
_HASH_NAMES = {der.oid(dotted): name for name, dotted in HASHES.items()}


def pem_to_der(text, label="CERTIFICATE"):
    match = re.search(rf"-----BEGIN {label}-----(.*?)-----END {label}-----", text, re.S)
    return base64.b64decode(match[1])


class Certificate:
    """The fields that a CertID is made of."""

    def __init__(self, path):
        fields = der.node(pem_to_der(pathlib.Path(path).read_text())).children()[0].children()
        if fields[0].tag == 0xA0:
            fields = fields[1:]
        self.serial = int.from_bytes(fields[0].content, "big", signed=True)
        self.issuer, self.subject = fields[2].raw, fields[4].raw
        self.key = fields[5].children()[1].content[1:]  # without the count of unused bits


@dataclasses.dataclass(frozen=True)
class CertId:
    hash: str
    name_hash: bytes
    key_hash: bytes
    serial: int

    def encode(self):
        return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid(HASHES[self.hash]), der.tlv(der.NULL)),
                       der.tlv(der.OCTET_STRING, self.name_hash), der.tlv(der.OCTET_STRING, self.key_hash),
                       der.integer(self.serial))


def cert_id(issuer, serial, hash_name="sha1"):
    """CertID of `serial` (a number or a Certificate) under `issuer` (a Certificate)."""
    digest = getattr(hashlib, hash_name)
    return CertId(hash_name, digest(issuer.subject).digest(), digest(issuer.key).digest(),
                  serial.serial if isinstance(serial, Certificate) else serial)


def extension(dotted, value, critical=False):
    return der.tlv(der.SEQUENCE, der.oid(dotted), der.tlv(0x01, b"\xff") if critical else b"",
                   der.tlv(der.OCTET_STRING, value))


def request(*ids, nonce=None, extensions=()):
    """OCSPRequest. `nonce` is the content of the nonce; None leaves the extension away."""
    all_extensions = list(extensions)
    if nonce is not None:
        all_extensions.append(extension(NONCE, der.tlv(der.OCTET_STRING, nonce)))
    entries = der.tlv(der.SEQUENCE, *(der.tlv(der.SEQUENCE, i.encode()) for i in ids))
    tail = der.tlv(0xA2, der.tlv(der.SEQUENCE, *all_extensions)) if all_extensions else b""
    return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, entries, tail))


def get_tail(encoded):
    """The request as the rest of a GET path (RFC 6960 appendix A.1)."""
    return urllib.parse.quote(base64.b64encode(encoded).decode(), safe="")


@dataclasses.dataclass
class Asked:
    """What a request holds."""
    ids: list          # raw octets of each CertID
    hashes: list       # names of their hashes
    serials: list
    nonce: object      # octets, or None
    signed: bool
    extensions: list   # octets of the OIDs

    def nonce_text(self):
        return "none" if self.nonce is None else f"{len(self.nonce)} octets"


def _extensions(parent):
    """{raw OID: value octets} of Extensions inside an explicit tag."""
    found = {}
    for item in der.node(parent.content):
        parts = item.children()
        found[parts[0].raw] = parts[-1].content
    return found


def _nonce(found):
    value = found.get(der.oid(NONCE))
    if value is None:
        return None
    try:
        inner = der.node(value)
        return inner.content if inner.tag == der.OCTET_STRING else value
    except (ValueError, IndexError):
        return value  # early clients put bare octets there


def parse_request(data):
    whole = der.node(data).children()
    ids, found = [], {}
    for part in whole[0]:
        if part.tag == der.SEQUENCE:
            ids = [entry.children()[0] for entry in part]
        elif part.tag == 0xA2:
            found = _extensions(part)
    fields = [i.children() for i in ids]
    return Asked([i.raw for i in ids], [_HASH_NAMES.get(f[0].children()[0].raw, "other") for f in fields],
                 [int.from_bytes(f[3].content, "big", signed=True) for f in fields], _nonce(found), len(whole) > 1,
                 list(found))


@dataclasses.dataclass
class Single:
    cert_id: bytes
    serial: int
    status: str
    revoked_at: object
    reason: object
    this_update: datetime.datetime
    next_update: object


@dataclasses.dataclass
class Answer:
    status: str
    singles: list = dataclasses.field(default_factory=list)
    nonce: object = None
    produced_at: object = None
    responder_by: str = ""
    certificates: int = 0

    def word(self):
        """One word for the whole: the status of its only entry, or the error."""
        return self.singles[0].status if self.status == "successful" and len(self.singles) == 1 else self.status


def _time(element):
    return datetime.datetime.strptime(element.text(), "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _single(entry):
    parts = entry.children()
    state = parts[1]
    name = {0x80: "good", 0xA1: "revoked", 0x82: "unknown"}[state.tag]
    info = state.children() if state.tag == 0xA1 else []
    reason = der.node(info[1].content).content[0] if len(info) > 1 else None
    next_update = next((_time(der.node(p.content)) for p in parts[3:] if p.tag == 0xA0), None)
    return Single(parts[0].raw, int.from_bytes(parts[0].children()[3].content, "big", signed=True), name,
                  _time(info[0]) if info else None, reason, _time(parts[2]), next_update)


def parse_response(data):
    whole = der.node(data).children()
    answer = Answer(STATUS.get(whole[0].content[0], f"status {whole[0].content[0]}"))
    if len(whole) < 2:
        return answer
    basic = der.node(der.node(whole[1].content).children()[1].content).children()
    for part in basic[0]:
        if part.tag in (0xA1, 0xA2) and not answer.responder_by:
            answer.responder_by = "name" if part.tag == 0xA1 else "key"
        elif part.tag == 0x18:
            answer.produced_at = _time(part)
        elif part.tag == der.SEQUENCE:
            answer.singles = [_single(entry) for entry in part]
        elif part.tag == 0xA1:
            answer.nonce = _nonce(_extensions(part))
    if len(basic) > 3:
        answer.certificates = len(der.node(basic[3].content).children())
    return answer
