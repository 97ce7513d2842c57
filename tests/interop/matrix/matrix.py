#!/usr/bin/env python3
"""What real OCSP clients ask `muster responder`, and what they conclude from its answers.

usage: matrix.py --muster BINARY ROW...          run these rows (see --list); none: all
       matrix.py --muster BINARY --answers KIND  run some rows with other answers: another signer, another profile (answers.py)
       matrix.py --muster BINARY --write FILE    run all; when they hold, write the tables of this Debian release into FILE
       matrix.py --check FILE --listed ROW...    whether FILE's tables and a list of rows are those of this program
       matrix.py --list

Exit code: 0 as expected, 1 not, 77 when the only row asked for could not be tried here (its program is not installed).
"""
import argparse
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bench  # noqa: E402
import raw  # noqa: E402
import report  # noqa: E402
import tools  # noqa: E402,F401  (fills ROWS)
import ike  # noqa: E402,F401
import languages  # noqa: E402,F401
import servers  # noqa: E402,F401
import answers  # noqa: E402
import tls_clients  # noqa: E402,F401
from kit import process  # noqa: E402
from row import ROWS  # noqa: E402

SKIPPED = 77


def repeats(nonces, nonce):
    return nonces if isinstance(nonces, bool) else nonce is not None and len(nonce) in nonces


def wire(exchanges, due=None, nonces=True):
    """What stood on the wire, and what was wrong there: whatever a client asks, the answer must fit the question.

    `due`: function(serial, hash) -> the word that must be answered, False for a certificate that nobody should ask about.
    `nonces`: whether the answers must repeat them, or the lengths they repeat; others they must leave out.
    """
    methods, hashes, given_nonces, problems = [], [], [], []
    for e in exchanges:
        if e.asked is None:
            problems.append(f"a request that is none: {e.message.start}")
            continue
        version = e.message.start.rsplit("/", 1)[-1]
        methods.append(e.method if version == "1.1" else f"{e.method} (HTTP/{version})")
        hashes += e.asked.hashes
        given_nonces.append(e.asked.nonce_text())
        words = {due(serial, hash_name) for serial, hash_name in zip(e.asked.serials, e.asked.hashes)} if due else set()
        if e.reply is None:
            problems.append("the connection was closed without an answer")
        elif e.reply.code != 200 or e.answer is None:
            problems.append(f"answered HTTP {e.reply.code}, {e.answer.status if e.answer else 'not OCSP'}")
        elif False in words:
            problems.append(f"asked about {e.asked.serials}: none of ours")
        elif e.answer.status != "successful":
            if words != {e.answer.status}:
                problems.append(f"answered {e.answer.status}, not {words or 'successful'}")
        elif [s.cert_id for s in e.answer.singles] != e.asked.ids:
            problems.append("the CertIDs of the answer are not those of the request, octet for octet")
        elif due and [s.status for s in e.answer.singles] != [due(*asked) for asked in zip(e.asked.serials, e.asked.hashes)]:
            problems.append(f"answered {[s.status for s in e.answer.singles]} where {words} is due")
        elif e.answer.nonce != (repeated := e.asked.nonce if repeats(nonces, e.asked.nonce) else None):
            problems.append("a nonce where none is due" if repeated is None else "the nonce of the answer is not that of the request")
    tidy = lambda words: ", ".join(sorted(set(words)))  # noqa: E731
    return {"method": tidy(methods), "hash": tidy(hashes), "nonce": tidy(given_nonces)}, sorted(set(problems))


def judge(said, expected, asked, must_ask=bench.CASES):
    """What is wrong with a client's conclusions: each must be the expected one, and of a certificate that it asked about."""
    problems = [f"{case}: expected '{expected[case]}', it concluded: {said.get(case)}" for case in bench.CASES
                if said.get(case) != expected[case]]
    return problems + [f"{case}: the responder was never asked about it" for case in must_ask if case not in asked]


def run_row(row, muster, kind=answers.PLAIN):
    """A result for report.py: either {"skipped": why} or what was seen, with "problems". `kind`: of answers."""
    start = time.monotonic()
    result = {"row": row, "problems": []}
    try:
        with bench.Bench(muster, f"{row.issuer_keys}\n{kind.issuer_keys}", kind.signer) as made:
            serials = {made.ca.serial(case): case for case in bench.CASES} | {made.root.serial("ca"): "ca"}
            try:
                seen = row.run(made)
            except process.Failed as failure:
                result["problems"] = [f"{failure}\n--- responder:\n{made.responder.daemon.output()[-1500:]}"]
            else:
                asked, problems = wire(made.recorder.since(), lambda serial, hash_name: serial in serials and kind.due(
                    serials[serial], hash_name, row), kind.nonces)
                about = [case for serial, case in serials.items() if made.recorder.asked_about(serial)]
                problems += judge(seen.said, kind.expected(row), about, kind.asks(row))
                result |= {"version": seen.version, "said": seen.said, "note": seen.note, "problems": problems} | asked
    except bench.Skip as why:
        result["skipped"] = str(why)
    except process.Failed as failure:  # muster did not start, or did not end well
        result["problems"] = [*result["problems"], str(failure)]
    result["seconds"] = time.monotonic() - start
    return result


def describe(result):
    row = result["row"]
    if "skipped" in result:
        return f"SKIPPED  {row.key}: {result['skipped']} (packages: {row.packages})"
    if result["problems"]:
        return f"FAILED   {row.key}\n" + "\n".join(f"  - {problem}" for problem in result["problems"])
    said = ", ".join(f"{case}: {word}" for case, word in result["said"].items())
    return (f"held     {row.key} {result['version']}: {result['method']}, {result['hash']}, nonce {result['nonce']}; {said}"
            f" ({result['seconds']:.1f} s)")


def run_kind(name, keys, muster):
    """{row: word for the table} and all problems, with answers of that kind."""
    words, problems, kind = {}, [], answers.KINDS[name]
    for key in keys:
        result = run_row(ROWS[key], muster, kind)
        words[key] = "not tried" if "skipped" in result else "no" if result["problems"] else kind.word(key)
        problems += [f"{name}, {key}: {problem}" for problem in result["problems"]]
        print(f"{'FAILED  ' if result['problems'] else 'held    '} {name}, {key}: {words[key]}", flush=True)
    return words, problems


def main():
    parser = argparse.ArgumentParser(description="clients against muster responder")
    parser.add_argument("--muster")
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--listed", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--answers", choices=list(answers.KINDS))
    parser.add_argument("rows", nargs="*")
    args = parser.parse_args()

    if args.list:
        print("\n".join(ROWS))
        return 0
    if args.check:
        problems = report.shape_problems(args.check.read_text(), args.rows if args.listed else list(ROWS))
        print("\n".join(problems) or f"{args.check.name} has every row and column")
        return 1 if problems else 0
    unknown = [key for key in args.rows if key not in ROWS]
    if unknown or not args.muster:
        parser.error(f"no such row: {', '.join(unknown)}; see --list" if unknown else "--muster is missing")

    if args.answers:
        _, problems = run_kind(args.answers, args.rows or answers.QUICK, args.muster)
        print("\n".join(problems))
        return 1 if problems else 0
    results = []
    for row in ROWS.values():
        if not args.rows or row.key in args.rows:
            results.append(run_row(row, args.muster))
            print(describe(results[-1]), flush=True)
    if any(result.get("problems") for result in results):
        return 1
    if args.write:
        with bench.Bench(args.muster) as made:
            found = raw.run(made)
        kinds = {name: run_kind(name, answers.CLIENTS, args.muster) for name in answers.KINDS}
        problems = [problem for _, found in kinds.values() for problem in found]
        if problems:
            print("\n".join(problems))
            return 1
        accepted = {name: words for name, (words, _) in kinds.items()}
        args.write.write_text(report.with_tables(args.write.read_text(), results, found, accepted))
    return SKIPPED if len(results) == 1 and "skipped" in results[0] else 0


if __name__ == "__main__":
    sys.exit(main())
