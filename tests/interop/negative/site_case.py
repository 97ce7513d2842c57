"""A CA with a good, a revoked, an expired and an unrecorded certificate, for tests that start responders as they like."""
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from kit import http_client, ocsp, pki, process, responder  # noqa: E402


class SiteCase(unittest.TestCase):
    """`self.ca` is made once a class; what start() starts ends with the test."""
    muster = None

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-negative-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.ca = cls.found_ca("ca")

    @classmethod
    def found_ca(cls, name):
        """A CA in a directory of its own, with everything the tests ask about."""
        (cls.dir / name).mkdir()
        ca = pki.Ca(cls.dir / name, "ca")
        ca.issue("ocsp", "signer", subject=f"OCSP signer of {name}")
        ca.issue("good")
        ca.issue("revoked")
        ca.revoke("revoked", "keyCompromise")
        ca.issue_unrecorded("unknown")
        return ca

    def start(self, *arguments, ca=None):
        """A responder for `ca` with these more arguments; without a source among them, its index.txt."""
        ca = ca or self.ca
        source = () if {"--crl", "--index", "--config"} & set(arguments) else ("--index", ca.index)
        identity = () if "--config" in arguments else ("--ca", ca.path("ca.pem"), "--signer", ca.path("ocsp.pem"), "--key",
                                                       ca.path("ocsp.key"))
        made = responder.Responder(self.muster, *identity, *source, *arguments)
        self.addCleanup(made.stop)
        return made

    def config(self, issuer="", responder_keys="", ca=None):
        """The arguments that start a responder from a file with these more keys."""
        ca = ca or self.ca
        path = self.dir / f"{self.id().rpartition('.')[2]}.toml"
        path.write_text(f"""[responder]
{responder_keys}
[[responder.issuer]]
ca = "{ca.path('ca.pem')}"
signer = "{ca.path('ocsp.pem')}"
key = "{ca.path('ocsp.key')}"
{issuer}
""")
        return "--config", path

    def post(self, running, encoded):
        """The answer's message and its decoded form."""
        message = http_client.post(running.address, encoded)
        self.assertIsNotNone(message, "the connection was closed without an answer")
        self.assertEqual((message.code, message.header("Content-Type")), (200, "application/ocsp-response"), message.raw[:300])
        return message, ocsp.parse_response(message.body)

    def ask(self, running, name, hash_name="sha1", ca=None, **request):
        """One word: good, revoked, unknown or an error status."""
        return self.post(running, ocsp.request((ca or self.ca).id(name, hash_name), **request))[1].word()

    def openssl(self, running, name, *options, ca=None):
        """What openssl says of a certificate after verifying the answer; everything it printed otherwise."""
        ca = ca or self.ca
        done = process.run("openssl", "ocsp", "-issuer", ca.path("ca.pem"), "-cert", ca.path(f"{name}.pem"), "-CAfile",
                           ca.path("ca.pem"), "-url", running.url, *options)
        return done.out.split(f"{name}.pem: ")[-1].split()[0] if "Response verify OK" in done.err else str(done)


def main(*needs):
    """Runs the tests of the file; without a program of `needs` none of them, with CTest's code for skipped."""
    SiteCase.muster = pathlib.Path(sys.argv.pop(1)).resolve()
    missing = [name for name in needs if not process.find(name)]
    if missing:
        print(f"SKIPPED: {', '.join(missing)} not installed here")
        sys.exit(77)
    unittest.main()
