"""A throwaway PKI as a small CA would run it: openssl's own `ca` command keeps index.txt."""
import os
import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = intermediate
[intermediate]
dir = {dir}
database = {dir}/index.txt
serial = {dir}/serial
new_certs_dir = {dir}/issued
certificate = {dir}/intermediate.pem
private_key = {dir}/intermediate.key
default_md = sha256
default_days = 30
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
[root_ext]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate_ext]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[signer_ext]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf_ext]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:{name}
authorityInfoAccess = OCSP;URI:{ocsp_url}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{must_staple}
"""


class Pki:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        (self.dir / "issued").mkdir(parents=True)
        (self.dir / "index.txt").touch()
        self._openssl("req", "-x509", *self._new_key("root"), "-subj", "/CN=Demo Root", "-days", "3650",
                      "-extensions", "root_ext", "-out", self.path("root.pem"))
        self._openssl("req", "-new", *self._new_key("intermediate"), "-subj", "/CN=Demo Intermediate",
                      "-out", self.path("intermediate.csr"))
        self._openssl("x509", "-req", "-in", self.path("intermediate.csr"), "-CA", self.path("root.pem"),
                      "-CAkey", self.path("root.key"), "-days", "1825", "-extfile", self.path("ca.cnf"),
                      "-extensions", "intermediate_ext", "-out", self.path("intermediate.pem"))
        self._issue("signer", "Demo OCSP signer", "signer_ext")

    def path(self, name):
        return str(self.dir / name)

    def issue(self, name, ocsp_url, must_staple=False):
        """A server certificate `name`.pem with its chain in `name`.chain.pem."""
        self._issue(name, name, "leaf_ext", ocsp_url, must_staple)
        chain = (self.dir / f"{name}.pem").read_text() + (self.dir / "intermediate.pem").read_text()
        (self.dir / f"{name}.chain.pem").write_text(chain)

    def revoke(self, name, reason):
        self._openssl("ca", "-config", self._config(), "-revoke", self.path(f"{name}.pem"), "-crl_reason", reason)

    def _issue(self, name, subject, extensions, ocsp_url="http://127.0.0.1/", must_staple=False):
        self._openssl("req", "-new", *self._new_key(name), "-subj", f"/CN={subject}", "-out", self.path(f"{name}.csr"))
        self._openssl("ca", "-batch", "-notext", "-config", self._config(subject, ocsp_url, must_staple),
                      "-extensions", extensions, "-in", self.path(f"{name}.csr"), "-out", self.path(f"{name}.pem"))

    def _new_key(self, name):
        return ["-config", self._config(), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
                "-keyout", self.path(f"{name}.key")]

    def _config(self, name="none.invalid", ocsp_url="http://127.0.0.1/", must_staple=False):
        text = CONFIG.format(dir=self.dir, name=name, ocsp_url=ocsp_url,
                             must_staple="tlsfeature = status_request" if must_staple else "")
        (self.dir / "ca.cnf").write_text(text)
        return self.path("ca.cnf")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True,
                              env={**os.environ, "RANDFILE": self.path("rnd")})
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")
