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

    def __init__(self, muster):
        self.muster = muster
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-matrix-"))
        self.dir.chmod(0o755)  # some servers read as another user
        self.recorder = recorder.Recorder()
        self._open = [self.recorder.close]
        try:
            self._found_ca()
        except BaseException:
            self.close()
            raise

    def _found_ca(self):
        self.root = pki.Ca(self.dir, "root", ocsp_url=self.recorder.url)
        self.ca = pki.Ca(self.dir, "ca", self.root, self.recorder.url)
        self.root.issue("root-ocsp", "signer")
        self.ca.issue("ocsp", "signer")
        self.ca.issue("good", subject=self.host("good"))
        self.ca.issue("revoked", subject=self.host("revoked"))
        self.ca.revoke("revoked")
        self.ca.issue_unrecorded("unknown", self.host("unknown"))
        self.write("chain.pem", self.read("ca.pem") + self.read("root.pem"))
        self.responder = self.add(responder.Responder(self.muster, "--config", self.write("muster.toml", f"""
[responder]
store = "{self.path('store')}"
loops = 1
[[responder.issuer]]
ca = "{self.path('ca.pem')}"
signer = "{self.path('ocsp.pem')}"
key = "{self.path('ocsp.key')}"
index = "{self.path('ca.txt')}"
[[responder.issuer]]
ca = "{self.path('root.pem')}"
signer = "{self.path('root-ocsp.pem')}"
key = "{self.path('root-ocsp.key')}"
index = "{self.path('root.txt')}"
""")))
        self.recorder.responder = self.responder.address

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
        self._open.append(thing.stop)
        return thing

    def daemon(self, *command, **options):
        return self.add(process.Daemon(*command, **options))

    def wait_until_asked(self, case, mark=0):
        """Until the responder has been asked about that certificate, and has answered."""
        serial = self.ca.serial(case)
        return process.until(lambda: self.recorder.asked_about(serial, mark), f"somebody asks about '{case}'")

    def close(self):
        for end in reversed(self._open):
            end()
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
