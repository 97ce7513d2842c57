"""One check of a healthy live server beside the same work done by hand."""
import json

import paths  # noqa: F401
from figures import Goal, Row
from kit import process
from rows_scan import measured, serve

MOST = 1.1
WARM = 20  # as one_check.cc has it


def rows(plan):
    directory = f"{plan.work}/single"
    tool = plan.build / "bench/check/muster_bench_check"
    row = Row("single", "One check of a healthy live server", "muster_bench_check measure DIRECTORY COUNT", charts=())
    with serve(plan.build, directory, plan.singles + WARM, 0, plan.singles + WARM):
        for _ in range(plan.rounds):
            done = process.must(tool, "measure", directory, plan.singles, deadline=300)
            for name, sample in json.loads(done.out).items():
                row.add(name, sample)
            plan.checked += 2 * plan.singles  # each verdict is asserted to be good
        row.goals = [Goal("alone / by hand, time", MOST, row.ratio("us", "alone", "by hand"), at_least=False, judged=not plan.short),
                     Goal("in a run / by hand, time", MOST, row.ratio("us", "in a run", "by hand"), at_least=False, judged=not plan.short)]
        row.notes = [f"Medians of {plan.singles} checks in turns, in one program. By hand: connect and shake hands, one OCSP round trip, the answer's "
                     "and its delegate's signature verified, nothing else; every library call is the same. Alone: all that a check of this one server "
                     "needs is made for it, and the thread that checks also fetches. In a run: what all servers share (the issuer's verdict, the fetching thread, the "
                     "delegate's certificate) is there already. A check "
                     "also verifies the path to the root, times, names, and reports. Each server's answers are signed by a delegate of their own, so that "
                     "alone nothing is known of it; libssl decodes the certificates of a handshake in every contender."]
        yield row
        yield whole_programs(plan, directory)


def whole_programs(plan, directory):
    """The same from a shell."""
    row = Row("shell", "The same from a shell", charts=())
    port = (plan.work / "single/world.txt").read_text().split()[1]
    url = (plan.work / "single/world.txt").read_text().split()[0]
    by_hand = (f"openssl s_client -connect 127.0.0.1:{port} -servername h0.test -status </dev/null 2>/dev/null | openssl x509 >{directory}/h0.pem && "
               f"openssl ocsp -issuer {directory}/issuer.pem -CAfile {directory}/root.pem -cert {directory}/h0.pem -url {url} -no_nonce >{directory}/said "
               f"2>&1 && grep -q 'h0.pem: good' {directory}/said")
    contenders = {
        "muster check": [plan.muster, "check", f"h0.test:{port}", "--resolve", f"h0.test:{port}:127.0.0.1", "--roots", f"{directory}/root.pem",
                         "--leaf-only"],
        "openssl s_client, x509, ocsp": ["sh", "-c", by_hand],
    }
    for _ in range(plan.rounds * 3):
        for name, command in contenders.items():
            took, cpu, _, code, out, err = measured(command, 60)
            if code != 0:
                raise process.Failed(f"{name}: exit code {code}: {(out + err)[-500:]}")
            row.add(name, {"ms": took * 1000, "CPU ms": cpu * 1000})
    row.command = "muster check h0.test:PORT --resolve ... --roots root.pem --leaf-only"
    row.notes = ["Whole programs from start to end, without a goal. The OpenSSL line is what is found in how-tos: three programs in a shell."]
    return row
