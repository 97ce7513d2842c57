"""Programs that ask and print or return what they were told."""
import os
import pathlib
import re
import sys

from bench import CASES, Skip, program
from kit import process
from row import Seen, conclusion, row

HERE = pathlib.Path(__file__).parent


def _openssl_ocsp(bench, command, *options, env=None):
    said = {}
    for case in CASES:
        done = process.run(*command, "ocsp", *options, "-issuer", bench.path("ca.pem"), "-cert", bench.path(f"{case}.pem"),
                           "-CAfile", bench.path("chain.pem"), "-url", bench.recorder.url, env=env)
        match = re.search(rf"{case}\.pem: (\w+)", done.out)
        said[case] = match[1] if match and "Response verify OK" in done.err and done.code == 0 else conclusion(
            str(done), {r"Responder Error: unauthorized \(6\)": "unauthorized"})
        warning = re.search("WARNING: (.*)", done.text)
        if warning:
            said[case] += f", {warning[1]}"
    return said


def _openssl_version(command, env=None):
    return process.must(*command, "version", env=env).out.split()[1]


@row("openssl", "`openssl ocsp`", "openssl", "good", "revoked", "unknown")
def openssl(bench):
    command = [program("openssl")]
    return Seen(_openssl_version(command), _openssl_ocsp(bench, command))


@row("openssl-sha256", "`openssl ocsp -sha256 -no_nonce`", "openssl", "good", "revoked", "unknown")
def openssl_sha256(bench):
    command = [program("openssl")]
    return Seen(_openssl_version(command), _openssl_ocsp(bench, command, "-sha256", "-no_nonce"))


@row("openssl-3.5", "`openssl ocsp` of OpenSSL 3.5", "openssl (Debian 13)", "good", "revoked", "unknown")
def openssl_35(bench):
    """$MUSTER_OPENSSL35: an openssl program, or the root of a Debian 13 tree, whose program is run with the tree's own
    libraries (no chroot, nothing in the tree changes)."""
    where = pathlib.Path(os.environ.get("MUSTER_OPENSSL35", "/usr/bin/openssl"))
    command, env = [str(where)], {}
    if where.is_dir():
        libraries = where / "usr/lib/x86_64-linux-gnu"
        command = [str(where / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(where / "usr/bin/openssl")]
        env = {"OPENSSL_MODULES": str(libraries / "ossl-modules"), "OPENSSL_CONF": "/dev/null"}
    if not all(pathlib.Path(word).exists() for word in (command[0], command[-1])):
        raise Skip(f"no openssl program at MUSTER_OPENSSL35={where}")
    version = _openssl_version(command, env)
    if tuple(map(int, version.split(".")[:2])) < (3, 5):
        raise Skip(f"this is OpenSSL {version}; MUSTER_OPENSSL35 may name a newer one (a program or a Debian 13 tree)")
    return Seen(version, _openssl_ocsp(bench, command, env=env))


def _ocsptool(bench, *options):
    tool, said = program("ocsptool"), {}
    for case in CASES:
        done = process.run(tool, f"--ask={bench.recorder.url}", *options, "--load-issuer", bench.path("ca.pem"), "--load-cert",
                           bench.path(f"{case}.pem"), "--load-trust", bench.path("chain.pem"))
        match = re.search(r"Certificate Status: (\w+)", done.out)
        said[case] = match[1] if match and "Verifying OCSP Response: Success" in done.out else conclusion(
            str(done), {"Response Status: unauthorized": "unauthorized",
                        "Verifying OCSP Response: Failure, Signer cert not found": "signer not found"})
    return Seen(re.search(r"ocsptool (\S+)", process.run(tool, "--version").out)[1], said)


@row("ocsptool", "GnuTLS `ocsptool --ask`", "gnutls-bin", "good", "revoked", "unknown")
def ocsptool(bench):
    return _ocsptool(bench)


@row("ocsptool-nonce", "GnuTLS `ocsptool --ask --nonce`", "gnutls-bin", "good", "revoked", "unknown")
def ocsptool_nonce(bench):
    return _ocsptool(bench, "--nonce")


def _gnutls_cli(bench, note):
    """Asks about the server's certificate by itself; the server staples nothing."""
    tool, said = program("gnutls-cli"), {}
    for case in CASES:
        server = bench.daemon(program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", bench.path(f"{case}.pem"), "-key",
                              bench.path(f"{case}.key"), "-cert_chain", bench.path("ca.pem"), "-www")
        port = server.wait_for(r"^ACCEPT \S+:(\d+)")[1]
        done = process.run(tool, "--ocsp", "--x509cafile", bench.path("root.pem"), f"--sni-hostname={bench.host(case)}",
                           f"--verify-hostname={bench.host(case)}", "-p", port, "127.0.0.1")
        said[case] = conclusion(str(done), {  # two certificates: the server's and the intermediate CA's
            r"(?s)exit 0.*OCSP: verified 2 certificate": "connected",
            r"(?s)exit 0.*Got OCSP response with no data \(ignoring\).*OCSP: verified 1 certificate": "connected, unchecked",
            r"(?s)exit 1.*Certificate was revoked": "refused"})
        server.stop()
    return Seen(re.search(r"gnutls-cli (\S+)", process.run(tool, "--version").out)[1], said, note)


@row("gnutls-cli", "GnuTLS `gnutls-cli --ocsp`", "gnutls-bin", "connected", "refused", "connected")
def gnutls_cli(bench):
    return _gnutls_cli(bench, "takes `unknown` for not revoked")


@row("gnutls-cli-unissued", 'the same, responder with `unissued = "revoked"`', "gnutls-bin", "connected", "refused", "refused",
     unissued="revoked")
def gnutls_cli_unissued(bench):
    return _gnutls_cli(bench, "")


@row("python-cryptography", "Python `cryptography` (SHA-256, nonce of 32 octets, GET)", "python3-cryptography", "good", "revoked",
     "unknown")
def python_cryptography(bench):
    """Debian's package belongs to Debian's interpreter; another one may have it from elsewhere."""
    script = HERE / "clients" / "ask_cryptography.py"
    for interpreter in dict.fromkeys(["/usr/bin/python3", sys.executable]):
        if process.run(interpreter, "-c", "import cryptography.x509.ocsp").code == 0:
            break
    else:
        raise Skip("the module cryptography is not installed")
    done = process.must(interpreter, script, bench.recorder.url, bench.path("ca.pem"), bench.path("ocsp.pem"),
                        *(bench.path(f"{case}.pem") for case in CASES))
    version, *words = done.out.split()
    return Seen(version, dict(zip(CASES, words)))


def _strongswan_pki(bench, note):
    """Uses the plugin `revocation` that charon uses for its peers' certificates."""
    tool, said = program("pki"), {}
    for case in CASES:
        done = process.run(tool, "--verify", "--online", "--in", bench.path(f"{case}.pem"), "--cacert", bench.path("ca.pem"),
                           "--cacert", bench.path("root.pem"))
        said[case] = conclusion(str(done), {
            "(?s)exit 0.*revocation checking failed": "trusted, unchecked", "(?s)exit 0.*certificate not revoked": "trusted",
            "(?s)exit [1-9].*(certificate was revoked|certificate is on hold)": "refused"})
    return Seen(re.search(r"strongSwan (\S+)", process.run(tool, "--help").text)[1], said, note)


_STRONGSWAN = "strongswan-pki libstrongswan-standard-plugins libstrongswan-extra-plugins"


@row("strongswan-pki", "strongSwan `pki --verify --online`", _STRONGSWAN, "trusted", "refused", "trusted, unchecked")
def strongswan_pki(bench):
    return _strongswan_pki(bench, "`unknown`: exit code 0 with the words \"revocation checking failed\"")


@row("strongswan-pki-unissued", 'the same, responder with `unissued = "revoked"`', _STRONGSWAN, "trusted", "refused", "refused",
     unissued="revoked")
def strongswan_pki_unissued(bench):
    return _strongswan_pki(bench, "")
