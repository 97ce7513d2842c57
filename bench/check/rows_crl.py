"""A large CRL verified and queried: beside a bare DER walk over the same octets, and beside other people's programs."""
import json
import os
import shutil
import statistics
import subprocess
import sys

import paths  # noqa: F401
from figures import Goal, Row
from kit import process
from rows_scan import measured

TIMES, MEMORY_MIB = 3, 64

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


def contenders(directory, muster):
    """name -> (what it does, command, the exit code it ends with)"""
    found = {}
    offline = [muster, "check", "--offline", "--no-cache", "--leaf-only", "--roots", f"{directory}/ca.pem", "--crl", f"{directory}/ca.crl"]
    found["muster check"] = ("everything, about one certificate", [*offline, f"{directory}/leaf.pem"], 0)
    found["muster check, two"] = ("everything, about two certificates, one of which is revoked",
                                  [*offline, f"{directory}/leaf.pem", f"{directory}/revoked.pem"], 1)
    if openssl := process.find("openssl"):
        found["openssl crl"] = ("parses, verifies the signature",
                                [openssl, "crl", "-inform", "DER", "-in", f"{directory}/ca.crl", "-CAfile", f"{directory}/ca.pem", "-noout"], 0)
        found["openssl verify"] = ("parses PEM, verifies, looks one certificate up",
                                   [openssl, "verify", "-crl_check", "-CAfile", f"{directory}/ca.pem", "-CRLfile", f"{directory}/ca.crl.pem",
                                    f"{directory}/leaf.pem"], 0)
    if certtool := process.find("certtool"):
        found["GnuTLS certtool --verify-crl"] = ("parses, verifies, prints",
                                                 [certtool, "--verify-crl", "--load-ca-certificate", f"{directory}/ca.der", "--inder", "--infile",
                                                  f"{directory}/ca.crl", "--outfile", "/dev/null"], 0)
    if python_with_cryptography():
        found["python cryptography"] = ("parses, verifies, looks two serials up", [python_with_cryptography(), "-c", PYTHON, directory], 0)
    return found


def python_with_cryptography():
    """Debian's own where it has it, else the one that runs us."""
    for python in ("/usr/bin/python3", sys.executable):
        if os.access(python, os.X_OK) and subprocess.run([python, "-c", "import cryptography"], check=False, capture_output=True).returncode == 0:
            return python
    return None


def walked(plan, key, title, directory):
    """Inside one program: what the goal speaks of."""
    row = Row(key, title, "muster_bench_crl_check measure DIRECTORY ROUNDS", charts=())
    done = process.must(plan.build / "bench/check/muster_bench_crl_check", "measure", directory, plan.crl_rounds, deadline=600)
    told = json.loads(done.out)
    for name, samples in told["ms"].items():
        for sample in samples:
            row.add(name, {"ms": sample})
    plan.checked += 2 * plan.crl_rounds + told["targets"]
    ours, walks = told["ms"]["muster"], told["ms"]["bare walk"]
    of_rounds = [ours[i] / walks[i] for i in range(len(walks))]
    row.goals = [Goal("verified and asked twice / bare walk", TIMES, row.ratio("ms", "muster", "bare walk"), at_least=False, judged=not plan.short)]
    row.notes = [f"{told['octets']:,} octets, {told['elements']:,} elements. muster: the file is mapped, every entry parsed strictly, the signature "
                 "verified, scope and times judged, a certificate that is not on the list looked up and one from its middle. Bare walk: the same file "
                 "mapped and every element entered with the same reader, nothing else. The other lines are parts of the work by themselves.",
                 f"On a machine that changes its pace the ratio depends on how it is taken: of the medians {row.ratio('ms', 'muster', 'bare walk'):.2f}, of each round "
                 f"by itself {statistics.median(of_rounds):.2f}, of the least values {min(ours) / min(walks):.2f}.",
                 f"Anonymous memory of this program grew by {told['own MiB']:.1f} MiB. {told['targets']:,} more targets that share the loaded CRL: "
                 f"{told['targets ms']:.0f} ms in all, {told['targets own MiB']:.1f} MiB with the index that is made for them."]
    return row


def programs(plan, directory):
    found = contenders(directory, plan.muster)
    row = Row("crl-programs", f"The same CRL ({plan.entries:,} entries), whole programs", charts=())
    size = os.path.getsize(f"{directory}/ca.crl") / 2**20
    for _ in range(plan.rounds):
        for name, (_, command, want) in found.items():
            took, cpu, memory, code, out, err = measured(command, 600)
            if code != want:
                raise process.Failed(f"{name}: exit code {code} instead of {want}: {(out + err)[-500:]}")
            row.add(name, {"seconds": took, "CPU seconds": cpu, "MiB at most": memory})
    beyond = {name: row.figures[name]["MiB at most"].most - size for name in found if name.startswith("muster")}
    row.goals = [Goal(f"{name}: most memory beyond the mapped file", MEMORY_MIB, value, at_least=False, unit=" MiB", judged=not plan.short)
                 for name, value in beyond.items()]
    row.command = "; ".join(f"{name}: {does}" for name, (does, _, _) in found.items())
    row.notes = [f"The file has {size:.1f} MiB; resident pages of a mapped file count in the figures of muster. None of the others does all of what "
                 "muster does."]
    row.notes += [f"left out: {what} is not installed" for name, what in (("openssl crl", "openssl"), ("GnuTLS certtool --verify-crl", "certtool"),
                                                                        ("python cryptography", "python3-cryptography")) if name not in found]
    return row


def rows(plan):
    tool = plan.build / "bench/check/muster_bench_crl_check"
    for key, title, words in (("crl", f"A CRL of {plan.entries:,} entries", ()),
                              ("crl-reasons", f"A CRL of {plan.entries:,} entries, each with a reason", ("reasons",))):
        directory = plan.work / key
        directory.mkdir()
        process.must(tool, "make", directory, plan.entries, *words, deadline=300)
        yield walked(plan, key, title, directory)
    shutil.rmtree(plan.work / "crl-reasons")
    directory = plan.work / "crl"
    if openssl := process.find("openssl"):
        process.must(openssl, "crl", "-inform", "DER", "-in", directory / "ca.crl", "-out", directory / "ca.crl.pem", deadline=300)
    yield programs(plan, directory)
