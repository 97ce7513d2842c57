#!/usr/bin/env python3
"""Runs the commands of a page of documentation, as a reader would type them.

usage: howto.py --muster BINARY PAGE                  the marked blocks in their order (see page.py and docs/howto/README.md)
       howto.py --muster BINARY --one-liners PAGE     each muster command line of an unmarked page, for a CA taken for given

Everything happens in a temporary directory, with `muster` on the PATH. Addresses 127.0.0.1:PORT are replaced by free ones, the
same each time a page names them; directories of the system by some below the temporary one.
Exit code: 0 all did what the page says, 1 not, 77 when a program that the page needs is not installed.
"""
import argparse
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

import given  # noqa: E402  (finds kit)
import page  # noqa: E402
from kit import process  # noqa: E402

OCSP = "127.0.0.1:8888"  # where pages let the responder listen
SKIPPED = 77


class Reader:
    """Follows a page."""

    def __init__(self, muster, directory):
        self.dir = pathlib.Path(directory)
        self.work = self.dir / "work"
        self.work.mkdir()
        (self.dir / "bin").mkdir()
        (self.dir / "bin/muster").symlink_to(os.path.abspath(muster))
        self.env = {"PATH": f"{self.dir}/bin:{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(self.dir)}
        self.cwd_file = self.dir / "cwd"
        self.cwd_file.write_text(str(self.work))
        self.ports, self.names, self.daemons = {}, {}, []
        self.marked_ports = set()  # of daemons of others; these are replaced wherever they stand alone, too

    def port(self, written):
        return self.ports.setdefault(written, process.free_port())

    def translate(self, text):
        """What stands on the page, for this machine."""
        text = re.sub(r"^(muster responder(?! (?:explain|export))(?!.*--(listen|config))[^\\\n]*)", rf"\1 --listen {OCSP}", text, flags=re.M)
        for written, here in {"0.0.0.0:": "127.0.0.1:", **self.names}.items():
            text = text.replace(written, here)
        text = re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{self.port(m[1])}", text)
        text = re.sub(r"(http\.server )(\d+)", lambda m: f"{m[1]}{self.port(m[2])}", text)
        for port in self.marked_ports:
            text = re.sub(rf"(?<![\d.]){port}\b", str(self.port(port)), text)
        return re.sub(r"/(var/lib/muster|etc/nginx|etc/muster|run/muster)\b", lambda m: f"{self.dir}/system/{m[1]}", text)

    def shell(self, text):
        """bash in the directory where the page is by now; `cd` lasts."""
        script = f'set -euo pipefail\ncd "$(cat {self.cwd_file})"\ntrap \'pwd >{self.cwd_file}\' EXIT\n{text}'
        return ["bash", "-c", script]

    def do(self, step):
        text = self.translate(step.text)
        for directory in re.findall(rf"{re.escape(str(self.dir))}/system/[\w/.-]+", text):
            pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
        if step.kind == page.DAEMON:
            command = next(line for line in text.splitlines() if not line.startswith("#") and line.strip())
            kind = command.removeprefix("muster ").split()[0]
            ours = process.OwnDaemon if command.startswith("muster ") else process.Daemon
            daemon = ours(*self.shell("exec " + text), env=self.env)
            self.daemons.append(daemon)
            if step.port:
                daemon.wait_for_port(self.port(step.port))
            else:
                daemon.wait_for(page.ANNOUNCED[kind])
            for fragment in step.output:
                daemon.wait_for(re.escape(fragment))
            return
        last = None

        def holds():
            nonlocal last
            last = process.run(*self.shell(text), env=self.env, deadline=120)
            return last.code == step.exit_code and all(fragment in last.text for fragment in map(self.translate, step.output))
        try:
            process.until(holds, "the page's word", process.DEADLINE if step.kind == page.EVENTUALLY else 0)
        except process.Failed:
            wanted = "".join(f"\n  expected to print: {fragment}" for fragment in step.output)
            raise process.Failed(f"expected exit {step.exit_code}{wanted}\ngot {last}") from None

    def stop(self):
        daemons, self.daemons = self.daemons, []
        process.stop_all(daemons)


def follow(reader, steps):
    """Everything in its order, each on what came before."""
    for step in steps:
        yield step, lambda step=step: reader.do(step)


def try_each(reader, steps):
    """Each command line for itself, with a CA, its responder and a server taken for given."""
    corp = given.Corp(reader.env["PATH"].split(":")[0] + "/muster", reader.work, reader.port("8888"))

    def alone(step):
        reader.names = {}
        if not step.text.startswith("muster responder"):
            front = corp.start()
            reader.ports[str(front)] = front
            reader.names = {"mail.corp.example:465": f"127.0.0.1:{front}", "www.corp.example": f"127.0.0.1:{front}"}
        try:
            reader.do(step)
        finally:
            process.stop_all([corp, reader])
    for step in steps:
        yield step, lambda step=step: alone(step)


def is_here(name):
    """A program, a file by its path, or the right to be root."""
    if name == "root":
        return os.geteuid() == 0
    return os.path.exists(name) if name.startswith("/") else bool(process.find(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--muster", required=True)
    parser.add_argument("--one-liners", action="store_true")
    parser.add_argument("page", type=pathlib.Path)
    args = parser.parse_args()
    text = args.page.read_text()

    missing = [name for name in page.needs(text) if not is_here(name)]
    if missing:
        print(f"SKIPPED: {args.page.name} needs {', '.join(missing)}, not installed here")
        return SKIPPED
    steps = page.one_liner_steps(text) if args.one_liners else page.marked_steps(text)
    if not steps:
        print(f"{args.page.name} has no command that can be run: mark its blocks (```sh run, ```sh daemon, ```sh eventually)")
        return 1

    directory = tempfile.mkdtemp(prefix="muster-howto-")
    os.chmod(directory, 0o755)  # for servers that become a user of their own
    reader = Reader(args.muster, directory)
    reader.marked_ports = {step.port for step in steps if step.port}
    corp = None
    try:
        if "corp" in page.given(text):
            corp = given.Corp(args.muster, reader.work, process.free_port())
            corp.start_responder()
        for step, action in (try_each if args.one_liners else follow)(reader, steps):
            try:
                action()
            except process.Failed as failure:
                print(f"FAILED   {args.page.name}:{step.line}: {step.text.strip()}\n{failure}")
                for daemon in reader.daemons:
                    print(f"--- {daemon.name}:\n{daemon.output()[-2000:]}")
                return 1
            print(f"held     {args.page.name}:{step.line}: {step.text.strip().splitlines()[0]}", flush=True)
        reader.stop()
    except process.Failed as failure:
        print(f"FAILED   {args.page.name}: a program of the page did not end well\n{failure}")
        return 1
    finally:
        for daemon in reader.daemons:
            process.Daemon.stop(daemon)
        if corp:
            corp.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
