"""Throwaway certification authorities, kept as small CAs keep theirs: by `openssl ca` and its index.txt."""
import pathlib

from . import ocsp, process

_CONFIG = """
[ca]
default_ca = this
[this]
database = {dir}/{name}.txt
new_certs_dir = {dir}/issued
certificate = {dir}/{name}.pem
private_key = {dir}/{name}.key
crlnumber = {dir}/{name}.crlnumber
default_md = sha256
default_days = 30
crl_extensions = crl_ext
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = ignored
[ca_cert]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[sub_ca]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{aia}
[crl_ext]
authorityKeyIdentifier = keyid
[signer]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:{subject}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{aia}
{more}
"""


# What `openssl req` is told to make a key of that kind.
KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"],
        "ed25519": ["-newkey", "ed25519"], "ml-dsa-44": ["-newkey", "ML-DSA-44"]}


class Ca:
    """A CA in `directory`: NAME.pem, NAME.key, NAME.txt (its index), and what it issues beside them."""

    def __init__(self, directory, name, parent=None, ocsp_url=None):
        self.dir, self.name, self.parent = pathlib.Path(directory), name, parent
        self.ocsp_url = ocsp_url
        (self.dir / "issued").mkdir(exist_ok=True)
        self.index = self.dir / f"{name}.txt"
        self.index.touch()
        self.crl_number = 0
        if parent:
            parent.issue(name, "sub_ca")
        else:
            process.must("openssl", "req", "-x509", *self._new_key(name), "-subj", f"/CN={name}", "-days", "3650",
                         "-extensions", "ca_cert", "-out", self.path(f"{name}.pem"))

    def path(self, name):
        return str(self.dir / name)

    @property
    def certificate(self):
        return ocsp.Certificate(self.path(f"{self.name}.pem"))

    def issue(self, name, profile="leaf", subject=None, key="ec", must_staple=False):
        """NAME.pem, NAME.key and NAME.chain.pem; recorded in the index."""
        subject = subject or name
        more = "tlsfeature = status_request" if must_staple else ""
        process.must("openssl", "req", "-new", *self._new_key(name, key), "-subj", f"/CN={subject}", "-out", self.path(f"{name}.csr"))
        process.must("openssl", "ca", "-batch", "-notext", "-config", self._config(subject, more), "-extensions", profile,
                     "-in", self.path(f"{name}.csr"), "-out", self.path(f"{name}.pem"))
        self._write_chain(name)

    def issue_unrecorded(self, name, subject=None):
        """A certificate with the CA's true signature of which its index knows nothing."""
        subject = subject or name
        process.must("openssl", "req", "-new", *self._new_key(name), "-subj", f"/CN={subject}", "-out", self.path(f"{name}.csr"))
        process.must("openssl", "x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{self.name}.pem"), "-CAkey",
                     self.path(f"{self.name}.key"), "-days", "30", "-extfile", self._config(subject), "-extensions", "leaf",
                     "-out", self.path(f"{name}.pem"))
        self._write_chain(name)

    def revoke(self, name, reason="keyCompromise"):
        process.must("openssl", "ca", "-config", self._config(), "-revoke", self.path(f"{name}.pem"), "-crl_reason", reason)

    def crl(self, name="ca.crl", days=7, number=None):
        """A CRL of what is revoked now, at NAME, by rename as careful CAs publish."""
        self.crl_number = self.crl_number + 1 if number is None else number
        digits = f"{self.crl_number:X}"
        (self.dir / f"{self.name}.crlnumber").write_text(digits.rjust(len(digits) + len(digits) % 2, "0") + "\n")
        process.must("openssl", "ca", "-config", self._config(), "-gencrl", "-crldays", days, "-out", self.path("new.crl"))
        (self.dir / "new.crl").rename(self.dir / name)
        return self.path(name)

    def serial(self, name):
        return ocsp.Certificate(self.path(f"{name}.pem")).serial

    def id(self, name, hash_name="sha1"):
        return ocsp.cert_id(self.certificate, self.serial(name), hash_name)

    def _write_chain(self, name):
        text, ca = (self.dir / f"{name}.pem").read_text(), self
        while ca.parent:
            text += (self.dir / f"{ca.name}.pem").read_text()
            ca = ca.parent
        (self.dir / f"{name}.chain.pem").write_text(text)
        (self.dir / f"{name}.both.pem").write_text(text + (self.dir / f"{name}.key").read_text())

    def _new_key(self, name, key="ec"):
        return ["-config", self._config(), *KEYS[key], "-noenc", "-keyout", self.path(f"{name}.key")]

    def _config(self, subject="none.invalid", more=""):
        aia = f"authorityInfoAccess = OCSP;URI:{self.ocsp_url}" if self.ocsp_url else ""
        (self.dir / f"{self.name}.cnf").write_text(_CONFIG.format(dir=self.dir, name=self.name, subject=subject, aia=aia,
                                                                     more=more))
        return self.path(f"{self.name}.cnf")
