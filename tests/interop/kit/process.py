"""Programs that are run and waited for: by what they say or do, never by sleeping for a guessed time."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

# A proxy is for the outer world; everything here happens on this machine. What a sanitizer finds ends in an exit code that
# nobody expects, also where its words are thrown away.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
for _options in ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
    _ENVIRONMENT[_options] = os.environ.get(_options, "") + ":exitcode=86"
_REPORT = re.compile(r"^.*((Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer|: runtime error: ).*$", re.M)
DEADLINE = 30.0  # seconds any single wait may take; generous, since machines that test are loaded


class Failed(Exception):
    """Something did not happen as it must; the text says what was seen instead."""


class Done:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err
        self.text = out + err

    def __str__(self):
        return f"{' '.join(map(str, self.command))}\nexit {self.code}\n{self.text[-3000:]}"


def find(*names):
    """The path of the first of these programs that is installed, or nothing."""
    paths = (shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin") for name in names)
    return next((path for path in paths if path), None)


def crash(code, text):
    """Why a program that ended thus crashed: the signal, or a sanitizer's report; nothing when it ended of its own accord."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    report = _REPORT.search(text)
    return report[0].strip() if report else ""


def run(*command, stdin="", env=None, cwd=None, deadline=DEADLINE):
    """Runs to its end. Output is text whatever octets it holds. A crash is no result, whatever was expected: Failed."""
    try:
        done = subprocess.run([str(word) for word in command], input=stdin.encode() if isinstance(stdin, str) else stdin,
                              capture_output=True, timeout=deadline, env={**_ENVIRONMENT, **(env or {})}, cwd=cwd)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{' '.join(map(str, command))}: not done after {deadline:.0f} s\n{(late.stderr or b'')[-2000:]}") from late
    result = Done(command, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    if why := crash(result.code, result.text):
        raise Failed(f"{why}\n{result}")
    return result


def must(*command, **options):
    done = run(*command, **options)
    if done.code != 0:
        raise Failed(str(done))
    return done


def until(question, what, deadline=DEADLINE):
    """The first true value of `question()`."""
    end = time.monotonic() + deadline
    while True:
        value = question()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {deadline:.0f} s: {what}")
        time.sleep(0.02)


def free_port():
    """A port nobody has now, for programs that cannot pick one by themselves."""
    with socket.socket() as probe:
        probe.bind(("", 0))  # free for those too that bind to every address
        return probe.getsockname()[1]


class Daemon:
    """A program in the background. Everything it prints is kept, and waited for line by line. `leads`: a process group of its own."""

    def __init__(self, *command, env=None, cwd=None, leads=False):
        self.name = pathlib.Path(str(command[0])).name
        self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, env={**_ENVIRONMENT, **(env or {})}, cwd=cwd,
                                         process_group=0 if leads else None)
        self._lines, self._ended = [], False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def output(self):
        with self._changed:
            return "\n".join(self._lines)

    def mark(self):
        """A place in the output: wait_for(..., after=mark) sees only what comes later."""
        with self._changed:
            return len(self._lines)

    def wait_for(self, pattern, after=0, deadline=DEADLINE):
        """The match of the first line that fits."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                while after < len(self._lines):
                    match = re.search(pattern, self._lines[after])
                    if match:
                        return match
                    after += 1
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    how = "ended without saying" if self._ended else f"did not say within {deadline:.0f} s"
                    raise Failed(f"{self.name} {how} '{pattern}':\n" + "\n".join(self._lines[-40:]))
                self._changed.wait(left)

    def wait_for_port(self, port):
        """Until something accepts connections there."""
        def accepts():
            if not self.running():
                raise Failed(f"{self.name} ended at once:\n{self.output()[-3000:]}")
            with socket.socket() as probe:
                probe.settimeout(1.0)
                return probe.connect_ex(("127.0.0.1", port)) == 0
        until(accepts, f"{self.name} listens on port {port}")

    def send(self, number):
        self._process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Ends it gracefully, or else by force; the exit code."""
        if self.running():
            self._process.send_signal(number)
            try:
                self._process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._reader.join(DEADLINE)
        self._process.stdout.close()
        return self._process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class OwnDaemon(Daemon):
    """One of our programs: it must run until it is told to end, and then end well. Whatever else it does, stop() fails."""
    _over = False

    def stop(self, number=signal.SIGTERM):
        if self._over:
            return 0
        self._over = True
        early = not self.running()
        code = super().stop(number)
        why = crash(code, self.output())
        if code == -signal.SIGKILL and not early:
            why = f"did not end within {DEADLINE:.0f} s of being told to"
        if early or why or code != 0:
            raise Failed(f"{self.name} {'had ended before it was told to: ' if early else ''}{why or f'exit code {code}'}\n"
                         f"{self.output()[-3000:]}")
        return code

    def refused(self):
        """For a start that should fail: ends it whatever it does, and tells what it said. A crash is no refusal."""
        self._over = True
        code = super().stop()
        if why := crash(code, self.output()):
            raise Failed(f"{self.name}: {why}\n{self.output()[-3000:]}")
        return self.output()


def stop_all(things):
    """Stops each, the last one first, also when some end badly; then says which."""
    problems = []
    for thing in reversed(things):
        try:
            thing.stop()
        except Failed as failure:
            problems.append(str(failure))
    if problems:
        raise Failed("\n".join(problems))
