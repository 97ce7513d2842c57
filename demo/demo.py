#!/usr/bin/env python3
"""The main job, end to end: a status is asked, signed, stapled and checked - then revoked, and checked again.

usage: demo.py --muster BINARY [--once] [--dir DIR]

Everything runs on loopback with a PKI made for the occasion. Each step tells what was expected, what was seen and how long it
took. Without --once it then stays up, so that you can try things by hand; Ctrl-C ends it and removes everything (unless --dir named a place).
Exit code: 0 when every step held, 1 otherwise.
"""
import argparse
import http.server
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/interop"))

from kit import pki, process  # noqa: E402  (the throwaway CA of the tests, kept by openssl's own `ca` command)

NAMES = ["web.demo.example", "shop.demo.example", "mail.demo.example"]  # the last one is must-staple
DEADLINE = 20.0  # seconds any single wait may take


class Daemon:
    """A child process whose output goes to a log; waits for lines it announces."""

    def __init__(self, name, command, log_directory):
        self.name = name
        self.log = pathlib.Path(log_directory) / f"{name}.log"
        self._errors = open(self.log, "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        self._lines = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._lines.append(None)
            self._changed.notify_all()

    def wait_for(self, pattern):
        """The match of the first announced line that fits."""
        end = time.monotonic() + DEADLINE
        seen = 0
        with self._changed:
            while True:
                while seen < len(self._lines):
                    line = self._lines[seen]
                    seen += 1
                    if line is None:
                        raise RuntimeError(f"{self.name} ended early:\n{self.log.read_text()[-2000:]}")
                    match = re.search(pattern, line)
                    if match:
                        return match
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    raise RuntimeError(f"{self.name} did not say '{pattern}' within {DEADLINE:.0f} s; see {self.log}")

    def stop(self):
        """Ends it gracefully; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._errors.close()
        return self.process.returncode


def run(*command, stdin=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, input=stdin)
    return done.returncode, done.stdout + done.stderr


def until(question):
    """Asks again and again until `question()` returns something true; None after the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    return None


class Steps:
    def __init__(self):
        self.failed = 0
        self.count = 0

    def step(self, title, expected, action):
        """`action` returns (held, what was seen)."""
        self.count += 1
        print(f"\n[{self.count}] {title}\n    expected  {expected}", flush=True)
        start = time.monotonic()
        try:
            held, seen = action()
        except (RuntimeError, OSError, subprocess.SubprocessError, process.Failed) as error:
            held, seen = False, str(error)
        took = time.monotonic() - start
        self.failed += 0 if held else 1
        seen = seen.replace("\n", "\n              ")
        print(f"    seen      {seen}\n    {'held' if held else 'DID NOT HOLD'}, {took:.2f} s", flush=True)
        return held


class Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello from behind the front\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Demo:
    def __init__(self, muster, directory, keeps=False):
        self.muster = os.path.abspath(muster)
        self.dir = pathlib.Path(directory)
        self.keeps = keeps
        self.steps = Steps()
        self.daemons = {}
        self.ca = None
        self.responder_address = "127.0.0.1:0"
        self.front_port = None

    # ---- daemons -----------------------------------------------------------------------------------------------

    def start(self, name, *command):
        self.daemons[name] = Daemon(name, [self.muster, *command], self.dir)
        return self.daemons[name]

    def start_responder(self):
        daemon = self.start("responder", "responder", "--listen", self.responder_address,
                            "--ca", self.ca.path("intermediate.pem"), "--index", self.ca.index,
                            "--signer", self.ca.path("signer.pem"), "--key", self.ca.path("signer.key"))
        self.responder_address = daemon.wait_for(r"^listening on (\S+)$")[1]

    def start_stapler(self):
        certificates = [word for name in NAMES for word in ("--cert", self.ca.path(f"{name}.chain.pem"))]
        return self.start("stapler", "stapler", "--shelf", str(self.dir / "shelf"), "--out", str(self.dir / "staples"),
                          "--refresh", "2s", *certificates)

    def start_front(self):
        pairs = [word for name in NAMES
                 for word in ("--cert", self.ca.path(f"{name}.chain.pem"), "--key", self.ca.path(f"{name}.key"))]
        daemon = self.start("front", "front", "--listen", f"127.0.0.1:{self.front_port or 0}", "--shelf", str(self.dir / "shelf"),
                            "--upstream", f"127.0.0.1:{self.backend.server_port}", *pairs)
        self.front_port = int(daemon.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1])

    # ---- questions ---------------------------------------------------------------------------------------------

    def check(self, *arguments):
        return run(self.muster, "check", "--roots", self.ca.path("root.pem"), *arguments)

    def check_front(self, name):
        return self.check(f"127.0.0.1:{self.front_port}", "--sni", name)

    def s_client(self, name):
        _, output = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.front_port}", "-servername", name, "-status",
                        "-CAfile", self.ca.path("root.pem"), stdin="")
        match = re.search(r"Cert Status: (\w+)", output)
        return match[1] if match else "no staple"

    def curl(self, name):
        return run("curl", "--silent", "--show-error", "--cert-status", "--cacert", self.ca.path("root.pem"),
                   "--resolve", f"{name}:{self.front_port}:127.0.0.1", f"https://{name}:{self.front_port}/")

    def openssl_ocsp(self, name):
        _, output = run("openssl", "ocsp", "-issuer", self.ca.path("intermediate.pem"), "-cert", self.ca.path(f"{name}.pem"),
                        "-CAfile", self.ca.path("root.pem"), "-url", f"http://{self.responder_address}/")
        verified = "Response verify OK" in output
        match = re.search(r": (good|revoked|unknown)$", output, re.M)
        return verified, match[1] if match else output.strip()

    # ---- the story ---------------------------------------------------------------------------------------------

    def main(self):
        step = self.steps.step
        web, shop, mail = NAMES

        def make_pki():
            (self.dir / "pki").mkdir()
            self.ca = pki.Ca(self.dir / "pki", "intermediate", pki.Ca(self.dir / "pki", "root"))
            self.ca.issue("signer", "signer", subject="Demo OCSP signer")
            return True, "root, intermediate, OCSP signer delegated by the intermediate (P-256)"
        if not step("A certification authority is founded", "openssl makes keys, certificates and index.txt", make_pki):
            return

        def responder():
            self.start_responder()
            return True, f"http://{self.responder_address}/ answers from index.txt"
        if not step("muster responder starts on the CA's index.txt", "it listens, one command, no configuration file", responder):
            return

        def issue():
            self.ca.ocsp_url = f"http://{self.responder_address}/"
            for name in NAMES:
                self.ca.issue(name, must_staple=name == mail)
            verified = until(lambda: self.openssl_ocsp(mail) == (True, "good"))
            return bool(verified), f"{', '.join(NAMES)} (the last must-staple); " + (
                "openssl ocsp verifies: good" if verified else f"openssl ocsp says {self.openssl_ocsp(mail)}")
        step("The CA issues three server certificates", "the running responder takes them up; openssl ocsp verifies a good answer", issue)

        def stapler():
            match = self.start_stapler().wait_for(r"^ready: (\d+) certificates, (\d+) fresh$")
            return match[1] == match[2] == "3", match[0]
        step("muster stapler fetches and verifies a staple for each", "ready: 3 certificates, 3 fresh", stapler)

        def front():
            self.backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
            threading.Thread(target=self.backend.serve_forever, daemon=True).start()
            self.start_front()
            status = self.s_client(mail)
            return status == "good", f"127.0.0.1:{self.front_port}; openssl s_client -status: {status}"
        if not step("muster front terminates TLS", "the very first handshake carries a staple that says good", front):
            return

        def check_good():
            code, output = self.check_front(web)
            return code == 0 and "GOOD" in output, f"exit {code}\n{output.rstrip()}"
        step(f"muster check asks {web}", "GOOD, exit code 0", check_good)

        def curl_good():
            code, output = self.curl(web)
            return code == 0 and "hello" in output, f"exit {code}: {output.strip()}"
        step("curl --cert-status gets the page through the front", "exit 0: it insists on a good staple and has one", curl_good)

        revoked_at = time.monotonic()

        def revoke():
            nonlocal revoked_at
            self.ca.revoke(web, "keyCompromise")
            revoked_at = time.monotonic()
            seen = until(lambda: self.openssl_ocsp(web) == (True, "revoked"))
            return bool(seen), (f"the responder says revoked {time.monotonic() - revoked_at:.2f} s after the CA's command"
                                if seen else f"still {self.openssl_ocsp(web)}")
        step(f"The CA revokes {web} (openssl ca -revoke)", "the responder answers revoked, without restart", revoke)

        def staple_turns():
            seen = until(lambda: self.s_client(web) == "revoked")
            return bool(seen), (f"the handshake says revoked {time.monotonic() - revoked_at:.2f} s after the CA's command"
                                if seen else f"still {self.s_client(web)}")
        step("The stapler learns it, the front staples it", "the handshake's staple says revoked", staple_turns)

        def check_revoked():
            code, output = self.check_front(web)
            return code == 1 and "REVOKED" in output, f"exit {code}\n{output.rstrip()}"
        step(f"muster check asks {web} again", "REVOKED, exit code 1", check_revoked)

        def curl_refuses():
            code, output = self.curl(web)
            return code == 91 and "revocation reason" in output, f"exit {code}: {output.strip()}"
        step("curl --cert-status asks again", "exit 91: it refuses the connection for the staple that says revoked", curl_refuses)

        def check_other():
            code, output = self.check_front(shop)
            return code == 0 and "GOOD" in output, f"exit {code}\n{output.rstrip()}"
        step(f"muster check asks {shop}, which nobody revoked", "GOOD, exit code 0", check_other)

        def outage():
            codes = [self.daemons[name].stop() for name in ("responder", "front", "stapler")]
            self.start_stapler()
            self.start_front()
            status = self.s_client(mail)
            return status == "good" and codes == [0, 0, 0], (
                f"graceful exits {codes}; first handshake after the restart: {status}")
        step("The responder goes down; stapler and front are restarted meanwhile",
             "the first handshake still has its verified staple, from the shelf on disk", outage)

        def back():
            self.start_responder()
            verified, status = self.openssl_ocsp(shop)
            return verified and status == "good", f"{shop}: {status}"
        step("The responder comes back", "it answers as before", back)

    def by_hand(self):
        path, url = self.ca.path, f"http://{self.responder_address}/"
        connect = f"127.0.0.1:{self.front_port}"
        print(f"""
Still running. Try by hand, in another terminal (web was revoked, shop is good, mail is must-staple):

  openssl ocsp -issuer {path('intermediate.pem')} -cert {path(NAMES[1] + '.pem')} -CAfile {path('root.pem')} -url {url}
  openssl s_client -connect {connect} -servername {NAMES[2]} -status -CAfile {path('root.pem')} </dev/null
  curl --cert-status --cacert {path('root.pem')} --resolve {NAMES[1]}:{self.front_port}:127.0.0.1 https://{NAMES[1]}:{self.front_port}/
  ocsptool --ask={url} --load-issuer {path('intermediate.pem')} --load-cert {path(NAMES[1] + '.pem')} --load-signer {path('signer.pem')}
  {self.muster} check --roots {path('root.pem')} {connect} --sni {NAMES[0]}
  {self.muster} check --roots {path('root.pem')} --json {path(NAMES[1] + '.chain.pem')}
  {self.muster} show {path(NAMES[2] + '.pem')} {self.dir / 'staples'}/*.ocsp
  openssl ca -config {path('intermediate.cnf')} -revoke {path(NAMES[1] + '.pem')}   # and check {NAMES[1]} again

Logs: {self.dir}/*.log. Ctrl-C ends everything{"" if self.keeps else f" and removes {self.dir}"}.""", flush=True)
        try:
            while all(daemon.process.poll() is None for daemon in self.daemons.values()):
                time.sleep(0.5)
            print("a daemon ended by itself: see its log")
            self.steps.failed += 1
        except KeyboardInterrupt:
            print()

    def end(self):
        def stop_all():
            codes = {name: daemon.stop() for name, daemon in self.daemons.items()}
            return all(code == 0 for code in codes.values()), f"exit codes {codes}"
        self.steps.step("Everything is told to end", "each ends by itself, exit code 0", stop_all)

    def stop(self):
        for daemon in self.daemons.values():
            daemon.stop()


def main():
    parser = argparse.ArgumentParser(description="muster's main job, end to end")
    parser.add_argument("--muster", required=True, help="the program")
    parser.add_argument("--once", action="store_true", help="do not stay up afterwards")
    parser.add_argument("--dir", help="keep everything there (must not exist)")
    args = parser.parse_args()

    if args.dir:
        os.makedirs(args.dir)
    directory = os.path.abspath(args.dir) if args.dir else tempfile.mkdtemp(prefix="muster-demo-")
    start = time.monotonic()
    demo = Demo(args.muster, directory, keeps=bool(args.dir))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    held = False
    try:
        demo.main()
        if args.once:
            demo.end()
        failed = demo.steps.failed
        print(f"\n{demo.steps.count - failed} steps held, {failed} did not, {time.monotonic() - start:.1f} s in all", flush=True)
        held = failed == 0
        if not args.once and held:
            demo.by_hand()
    finally:
        demo.stop()
        if not held:
            print(f"logs and files of this run stay in {directory}", flush=True)
        elif not args.dir:
            shutil.rmtree(directory, ignore_errors=True)
    return 1 if demo.steps.failed else 0


if __name__ == "__main__":
    sys.exit(main())
