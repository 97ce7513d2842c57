"""What pages for people who have a CA take for given: the files they name, and a responder where the certificates point."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

from kit import pki, process  # noqa: E402

HOSTS = ("www.corp.example", "mail.corp.example")


class Corp:
    """root.pem, ca.pem, index.txt, ca.crl, ocsp.pem, ocsp.key, server.pem, server.chain.pem, server.key in `directory`; the OCSP
    responder of server.pem at `ocsp_port`, and a TLS server with it."""

    def __init__(self, muster, directory, ocsp_port):
        self.dir = pathlib.Path(directory)
        made = self.dir / "given"
        made.mkdir()
        root = pki.Ca(made, "root")
        ca = pki.Ca(made, "ca", root, f"http://127.0.0.1:{ocsp_port}/")
        ca.issue("ocsp", "signer")
        ca.issue("server", subject=f"{HOSTS[0]}, DNS:{HOSTS[1]}, IP:127.0.0.1")
        ca.crl("ca.crl")
        for name in ("root.pem", "ca.pem", "ca.crl", "ocsp.pem", "ocsp.key", "server.pem", "server.chain.pem", "server.key"):
            shutil.copy(made / name, self.dir / name)
        shutil.copy(ca.index, self.dir / "index.txt")
        self._muster, self._port, self._open = muster, ocsp_port, []

    def start_responder(self):
        answering = process.OwnDaemon(self._muster, "responder", "--listen", f"127.0.0.1:{self._port}", "--ca", self.dir / "ca.pem",
                                   "--index", self.dir / "index.txt", "--signer", self.dir / "ocsp.pem", "--key",
                                   self.dir / "ocsp.key")
        self._open.append(answering)
        answering.wait_for("^listening on ")

    def start(self):
        """The responder, and a front that staples; the port of the front."""
        self.start_responder()
        (self.dir / "given.toml").write_text(f"""[front]
listen = ["127.0.0.1:0"]
upstream = "127.0.0.1:{self._port}"
keep = true
[[front.certificate]]
certificate = "{self.dir}/server.chain.pem"
key = "{self.dir}/server.key"
""")
        front = process.OwnDaemon(self._muster, "front", "--config", self.dir / "given.toml")
        self._open.append(front)
        return int(front.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1])

    def stop(self):
        daemons, self._open = self._open, []
        process.stop_all(daemons)
