"""What every row of the matrix stands on: a CA with a good, a revoked and an unknown certificate, `muster responder` answering
for it, and a proxy before it that records what each client asked."""
import pathlib
import shutil
import tempfile

from kit import pki, process, recorder, responder

CASES = ("good", "revoked", "unknown")


class Skip(Exception):
    """The row cannot be tried here; the text says why."""


class Bench:
    """One PKI, one responder, one recorder, in a directory of its own."""

    def __init__(self, muster, issuer_keys="", signer="ec"):
        """`issuer_keys`: more keys of [[responder.issuer]]. `signer`: kind of key of the delegated signers, or "direct" where the
        CAs sign by themselves."""
        self.muster, self.issuer_keys, self.signer = muster, issuer_keys, signer
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-matrix-"))
        self.dir.chmod(0o755)  # some servers read as another user
        self.recorder = recorder.Recorder()
        self._open = [self.recorder]
        try:
            self._found_ca()
        except BaseException:
            self.close()
            raise

    def _found_ca(self):
        self.root = pki.Ca(self.dir, "root", ocsp_url=self.recorder.url)
        self.ca = pki.Ca(self.dir, "ca", self.root, self.recorder.url)
        if self.signer != "direct":
            self.root.issue("root-ocsp", "signer", key=self.signer)
            self.ca.issue("ocsp", "signer", key=self.signer)
        self.ca.issue("good", subject=self.host("good"))
        self.ca.issue("revoked", subject=self.host("revoked"))
        self.ca.revoke("revoked")
        self.ca.issue_unrecorded("unknown", self.host("unknown"))
        self.write("chain.pem", self.read("ca.pem") + self.read("root.pem"))
        issuers = self._issuer("ca", "ocsp") + self._issuer("root", "root-ocsp")
        self.responder = self.add(responder.Responder(self.muster, "--config", self.write("muster.toml", f"""
[responder]
store = "{self.path('store')}"
loops = 1
{issuers}""")))
        self.recorder.responder = self.responder.address

    def _issuer(self, ca, signer):
        direct = self.signer == "direct"
        return f"""
[[responder.issuer]]
ca = "{self.path(ca)}.pem"
{'' if direct else f'signer = "{self.path(signer)}.pem"'}
key = "{self.path(ca if direct else signer)}.key"
index = "{self.path(ca)}.txt"
{self.issuer_keys}
"""

    @staticmethod
    def host(case):
        return f"{case}.matrix.example"

    def path(self, name):
        return str(self.dir / name)

    def read(self, name):
        return (self.dir / name).read_text()

    def write(self, name, text):
        (self.dir / name).write_text(text)
        return self.path(name)

    def add(self, thing):
        """Something with stop() that lives as long as the bench."""
        self._open.append(thing)
        return thing

    def daemon(self, *command, **options):
        """Another's program; `own_daemon`: one of ours, which must end well."""
        return self.add(process.Daemon(*command, **options))

    def own_daemon(self, *arguments):
        return self.add(process.OwnDaemon(self.muster, *arguments))

    def wait_until_asked(self, case, mark=0):
        """Until the responder has been asked about that certificate, and has answered."""
        serial = self.ca.serial(case)
        return process.until(lambda: self.recorder.asked_about(serial, mark), f"somebody asks about '{case}'")

    def close(self):
        try:
            process.stop_all(self._open)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def program(*names):
    """The first of these programs that is installed."""
    path = process.find(*names)
    if not path:
        raise Skip(f"{' or '.join(names)} is not installed")
    return path
