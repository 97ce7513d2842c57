"""Programs that are shown an answer, and what each concludes: one function a program, given the scene and the name of an answer.

A program accepts when a script that looks at its exit code alone would go on: exit code 0. What it says besides is told, too.
"""
import re

from kit import process

ACCEPTS, REFUSES = "accepts", "refuses"


class Column:
    def __init__(self, key, title, program, version, judge):
        self.key, self.title, self.program, self.version, self.judge = key, title, program, version, judge


def _word(done, remark=""):
    word = ACCEPTS if done.code == 0 else REFUSES
    return f"{word}, {remark}" if remark else word


def _openssl_ocsp(scene, name):
    done = process.run("openssl", "ocsp", "-issuer", scene.path("intermediate.pem"), "-cert", scene.path("leaf.pem"), "-CAfile",
                       scene.path("authorities.pem"), "-no_nonce", "-url", scene.responder(name))
    said = re.search(r"^(?:.*leaf\.pem: )?(good|revoked|unknown)$", done.out, re.M)
    warning = re.search(r"WARNING: (.*)", done.text)
    remarks = [f'says "{said[1]}"'] if said and done.code == 0 else []
    if done.code == 0 and "Response verify OK" not in done.err:
        remarks.append("verify fails")
    if done.code == 0 and warning:
        remarks.append(f'warns "{warning[1].rstrip(".")}"')
    return _word(done, ", ".join(remarks))


def _ocsptool(scene, name):
    done = process.run("ocsptool", f"--ask={scene.responder(name)}", "--load-cert", scene.path("leaf.pem"), "--load-issuer",
                       scene.path("intermediate.pem"), "--load-trust", scene.path("authorities.pem"))
    said = re.search(r"Certificate Status: (\w+)", done.text)
    verified = "Verifying OCSP Response: Success" in done.text
    remarks = [f'says "{said[1]}"'] if said and done.code == 0 else []
    if done.code == 0 and not verified:
        remarks.append("not verified")
    return _word(done, ", ".join(remarks))


def _s_client(scene, name):
    scene.staple(name)
    done = process.run("openssl", "s_client", "-connect", f"127.0.0.1:{scene.port}", "-servername", "leaf.example", "-status", "-verify_return_error",
                       "-verify_hostname", "leaf.example", "-CAfile", scene.path("root.pem"), "-quiet", "-no_ign_eof")
    return _word(done)


def _curl(scene, name):
    scene.staple(name)
    return _word(process.run("curl", "--silent", "--show-error", "--output", "/dev/null", "--cert-status", "--noproxy", "*", "--cacert",
                             scene.path("root.pem"), "--resolve", f"leaf.example:{scene.port}:127.0.0.1", f"https://leaf.example:{scene.port}/"))


def _gnutls_cli(scene, name):
    scene.staple(name)
    return _word(process.run("gnutls-cli", "--x509cafile", scene.path("root.pem"), "--sni-hostname", "leaf.example", "--verify-hostname",
                             "leaf.example", "--port", str(scene.port), "127.0.0.1"))


def _muster(scene, *more):
    done = process.run(scene.muster, "check", *more, "--roots", scene.path("root.pem"))
    return done, _word(done, f"exit {done.code}" if done.code else "")


def muster_live(scene, name, *more):
    return _muster(scene, *more, scene.path("leaf.pem"), "--issuer", scene.path("intermediate.pem"), "--url", scene.responder(name), "--timeout", "20s")


def muster_stapled(scene, name, *more):
    scene.staple(name)
    return _muster(scene, *more, f"leaf.example:{scene.port}", "--resolve", f"leaf.example:{scene.port}:127.0.0.1", "--offline")


def _first_line(*command):
    return process.run(*command).text.splitlines()[0]


COLUMNS = [
    Column("muster-live", "`muster check` (live)", None, None, lambda scene, name: muster_live(scene, name)[1]),
    Column("openssl-ocsp", "`openssl ocsp` (live)", "openssl", lambda: _first_line("openssl", "version").split()[1], _openssl_ocsp),
    Column("ocsptool", "`ocsptool --ask` (live)", "ocsptool", lambda: _first_line("ocsptool", "--version").split()[-1], _ocsptool),
    Column("muster-stapled", "`muster check` (stapled)", None, None, lambda scene, name: muster_stapled(scene, name)[1]),
    Column("s_client", "`openssl s_client -status -verify_return_error` (stapled)", "openssl", lambda: _first_line("openssl", "version").split()[1], _s_client),
    Column("curl", "`curl --cert-status` (stapled)", "curl", lambda: _first_line("curl", "--version").split()[1], _curl),
    Column("gnutls-cli", "`gnutls-cli` (stapled)", "gnutls-cli", lambda: _first_line("gnutls-cli", "--version").split()[-1], _gnutls_cli),
]
