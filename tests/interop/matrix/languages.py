"""The OCSP clients that come with Go, Java and NSS."""
import os
import pathlib
import re

from bench import CASES, Skip, program
from kit import process
from row import Seen, conclusion, row

CLIENTS = pathlib.Path(__file__).parent / "clients"
PATIENCE = 300.0  # compilers on a loaded machine


@row("go", "Go `x/crypto/ocsp`", "golang-go golang-golang-x-crypto-dev", "good", "revoked", "unknown")
def go(bench):
    compiler, packages = program("go"), pathlib.Path("/usr/share/gocode")
    if not (packages / "src/golang.org/x/crypto/ocsp").exists():
        raise Skip("golang-golang-x-crypto-dev is not installed")
    cache = os.environ.get("GOCACHE") or os.path.expanduser("~/.cache/go-build")
    process.must(compiler, "build", "-o", bench.path("ask_go"), CLIENTS / "ask_go.go", deadline=PATIENCE,
                 env={"GO111MODULE": "off", "GOPATH": str(packages), "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
                      "GOCACHE": cache})
    said = {}
    for case in CASES:
        done = process.run(bench.path("ask_go"), bench.recorder.url, bench.path("ca.pem"), bench.path(f"{case}.pem"))
        version, *words = done.out.split()
        said[case] = words[0] if done.code == 0 else conclusion(
            str(done), {"x509: cannot verify signature: algorithm unimplemented": "algorithm not known",
                        f"{case} by POST, unauthorized by GET": f"{case} by POST, unauthorized by GET"})
    return Seen(version.removeprefix("go"), said, "SHA-1 by POST, SHA-256 by GET")


def _java(bench, nonce_octets, *properties):
    java = program("java")
    if "jdk.compiler" not in process.must(java, "--list-modules").out:
        raise Skip(f"{java} is no JDK: it cannot compile the client (default-jdk-headless)")
    done = process.must(java, "-Djava.security.egd=file:/dev/urandom", *properties, CLIENTS / "AskJava.java", str(nonce_octets),
                        bench.path("root.pem"), bench.path("ca.pem"), *(bench.path(f"{case}.pem") for case in CASES),
                        deadline=PATIENCE)
    version, *words = done.out.split()
    return Seen(version, dict(zip(CASES, words)), "asks about the intermediate CA too")


@row("java", "Java `PKIXRevocationChecker`", "default-jdk-headless", "valid", "revoked", "undetermined")
def java(bench):
    return _java(bench, 0)


@row("java-nonce", "Java, `ocsp.useget=false`, nonce of 32 octets", "default-jdk-headless", "valid", "revoked", "undetermined")
def java_nonce(bench):
    return _java(bench, 32, "-Dcom.sun.security.ocsp.useget=false")


def _nss_database(bench):
    database, tool = f"sql:{bench.path('nss')}", program("certutil")
    (bench.dir / "nss").mkdir()
    process.must(tool, "-N", "-d", database, "--empty-password")
    process.must(tool, "-A", "-d", database, "-n", "root", "-t", "CT,CT,CT", "-a", "-i", bench.path("root.pem"))
    process.must(tool, "-A", "-d", database, "-n", "ca", "-t", ",,", "-a", "-i", bench.path("ca.pem"))
    for case in CASES:
        process.must(tool, "-A", "-d", database, "-n", case, "-t", ",,", "-a", "-i", bench.path(f"{case}.pem"))
    return database


def _nss_version():
    found = process.run("dpkg-query", "-W", "-f", "${Version}", "libnss3-tools").out
    return re.sub(r"^\d+:|-.*$", "", found) or "?"


@row("nss-vfychain", "NSS `vfychain -g leaf -m ocsp`", "libnss3-tools", "valid", "revoked", "revoked")
def nss_vfychain(bench):
    """libpkix, with OCSP demanded."""
    tool, database, said = program("vfychain"), _nss_database(bench), {}
    for case in CASES:
        done = process.run(tool, "-d", database, "-pp", "-u", "1", "-g", "leaf", "-h", "requireFreshInfo", "-m", "ocsp", "-s",
                           "failIfNoInfo", "-a", bench.path(f"{case}.pem"))
        said[case] = conclusion(str(done), {"Chain is good!": "valid", "ERROR -8180": "revoked"})
    return Seen(_nss_version(), said, "calls `unknown` revoked too")


@row("nss-ocspclnt", "NSS `ocspclnt -S`", "libnss3-tools", "valid", "revoked", "unknown")
def nss_ocspclnt(bench):
    tool, database, said = program("ocspclnt"), _nss_database(bench), {}
    for case in CASES:
        done = process.run(tool, "-S", case, "-d", database)
        said[case] = conclusion(str(done), {f'"{case}" succeeded': "valid", "has been revoked": "revoked",
                                            "has no status for the certificate": "unknown"})
    return Seen(_nss_version(), said)
