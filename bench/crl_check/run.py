#!/usr/bin/env python3
"""A large CRL verified and queried: muster beside a bare DER walk, `openssl crl`, GnuTLS' certtool and python's cryptography.

usage: run.py BUILD_DIR [--entries N] [--rounds N]

Each program runs as often as the others, in turns; medians of wall time and the most memory of the whole process are printed. What each does
is said beside it: none of the others does all of what muster does (parse every entry strictly, verify, check scope and times, look two
certificates up). Programs that are not installed are said to be absent.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PYTHON = """
import sys
from cryptography import x509
directory = sys.argv[1]
def read(name): return open(directory + '/' + name, 'rb').read()
ca = x509.load_pem_x509_certificate(read('ca.pem'))
crl = x509.load_der_x509_crl(read('ca.crl'))
assert crl.is_signature_valid(ca.public_key())
def find(name): return crl.get_revoked_certificate_by_serial_number(x509.load_pem_x509_certificate(read(name)).serial_number)
assert find('leaf.pem') is None
assert find('revoked.pem') is not None
"""


def run(command):
    """Wall seconds and the most memory in MiB of a command, which must succeed."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed: {error.decode(errors='replace')[:500]}")
    return seconds, usage.ru_maxrss / 1024


def contenders(directory, muster):
    """Name, what it does, command, whether it is there."""
    rows = []
    if muster.exists():
        rows.append(("muster check", "all, as a whole program",
                     [str(muster), "check", "--offline", "--leaf-only", "--roots", f"{directory}/ca.pem", "--crl", f"{directory}/ca.crl",
                      f"{directory}/leaf.pem"]))
    if shutil.which("openssl"):
        rows.append(("openssl crl", "parse, verify the signature",
                     ["openssl", "crl", "-inform", "DER", "-in", f"{directory}/ca.crl", "-CAfile", f"{directory}/ca.pem", "-noout"]))
        rows.append(("openssl verify", "parse, verify, look one certificate up",
                     ["openssl", "verify", "-crl_check", "-CAfile", f"{directory}/ca.pem", "-CRLfile", f"{directory}/ca.crl.pem",
                      f"{directory}/leaf.pem"]))
    if shutil.which("certtool"):
        rows.append(("certtool --verify-crl", "parse, verify, print",
                     ["certtool", "--verify-crl", "--load-ca-certificate", f"{directory}/ca.pem", "--inder", "--infile", f"{directory}/ca.crl",
                      "--outfile", "/dev/null"]))
    if subprocess.run([sys.executable, "-c", "import cryptography"], check=False, capture_output=True).returncode == 0:
        rows.append(("python cryptography", "parse, verify, look two serials up", [sys.executable, "-c", PYTHON, directory]))
    return rows


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build")
    options.add_argument("--entries", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    build = pathlib.Path(options.build)
    bench = build / "bench/crl_check/muster_bench_crl_check"
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([bench, "make", directory, str(options.entries)], check=True)
        subprocess.run([bench, "measure", directory, str(options.rounds)], check=True)
        if shutil.which("openssl"):
            with open(f"{directory}/ca.crl.pem", "wb") as pem:
                subprocess.run(["openssl", "crl", "-inform", "DER", "-in", f"{directory}/ca.crl"], check=True, stdout=pem)
        rows = contenders(directory, build / "apps/muster/muster")
        seen = {name: [] for name, _, _ in rows}
        for _ in range(options.rounds):
            for name, _, command in rows:
                seen[name].append(run(command))
        print(f"# whole programs, {options.entries} entries, {options.rounds} rounds in turns: median (least-most) seconds, most memory")
        for name, does, _ in rows:
            seconds = sorted(s for s, _ in seen[name])
            print(f"{name:24} {statistics.median(seconds):7.3f} s ({seconds[0]:.3f}-{seconds[-1]:.3f}) "
                  f"{max(m for _, m in seen[name]):6.0f} MiB   {does}")
        for name, program in (("openssl crl", "openssl"), ("certtool --verify-crl", "certtool"), ("python cryptography", "python cryptography")):
            if name not in seen:
                print(f"{program}: not installed, not measured")


if __name__ == "__main__":
    main()
