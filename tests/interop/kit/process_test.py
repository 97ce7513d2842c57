#!/usr/bin/env python3
"""A program that crashes, hangs or ends by itself must fail whatever waits for it, however well all else went."""
import pathlib
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from kit import process, responder  # noqa: E402

REPORT = "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x1"


def started(script):
    """A program of ours, by the words of a few lines of Python, that is up."""
    daemon = process.OwnDaemon(sys.executable, "-c", f"import os, signal, sys, time\n{script}")
    daemon.wait_for("^listening")
    return daemon


def ends(how):
    return started(f"""def end(*_):
    {how}
signal.signal(signal.SIGTERM, end)
print('listening', flush=True)
while True:
    time.sleep(0.02)  # not pause(): a signal just before it would be slept through
""")


class Endings(unittest.TestCase):
    def test_a_good_end_is_one_and_may_be_asked_for_twice(self):
        daemon = ends("sys.exit(0)")
        self.assertEqual((daemon.stop(), daemon.stop()), (0, 0))

    def test_a_crash_or_an_error_while_it_ends_fails(self):
        for how, word in (("sys.exit(1)", "exit code 1"), ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"), ("os.abort()", "SIGABRT"),
                          (f"print({REPORT!r}); sys.exit(0)", "heap-use-after-free")):
            with self.subTest(how=how), self.assertRaisesRegex(process.Failed, word):
                ends(how).stop()

    def test_one_that_hangs_when_told_to_end_fails(self):
        daemon = ends("pass")
        with mock.patch.object(process, "DEADLINE", 0.5), self.assertRaisesRegex(process.Failed, "did not end within"):
            daemon.stop()
        self.assertFalse(daemon.running())

    def test_one_that_ended_by_itself_fails_even_with_exit_code_0(self):
        daemon = started("print('listening')")
        process.until(lambda: not daemon.running(), "it ends")
        with self.assertRaisesRegex(process.Failed, "ended before it was told to"):
            daemon.stop()

    def test_every_one_is_stopped_and_every_bad_end_told(self):
        daemons = [ends("sys.exit(0)"), ends("sys.exit(3)"), ends("sys.exit(0)"), ends("sys.exit(4)")]
        with self.assertRaisesRegex(process.Failed, "(?s)exit code 4.*exit code 3"):
            process.stop_all(daemons)
        self.assertFalse(any(daemon.running() for daemon in daemons))


class Refusals(unittest.TestCase):
    """Tests expect muster to refuse to start: a crash must not be taken for that."""

    def start(self, script):
        with mock.patch.object(process.OwnDaemon, "__init__", lambda self, *_, **__: process.Daemon.__init__(self, "bash", "-c", script)):
            responder.Responder("muster")

    def test_a_refusal_is_told_with_its_words(self):
        with self.assertRaisesRegex(process.Failed, "ended without saying.*\n.*no such CA"):
            self.start("echo no such CA; exit 1")

    def test_a_crash_is_told_as_one(self):
        with self.assertRaisesRegex(process.Failed, "SIGSEGV"):
            self.start("echo no such CA; kill -SEGV $$")
        with self.assertRaisesRegex(process.Failed, "^bash: .*AddressSanitizer"):
            self.start(f"echo '{REPORT}'; exit 1")


class Runs(unittest.TestCase):
    def test_a_crash_is_no_result(self):
        for script in ("kill -SEGV $$", f"echo '{REPORT}' >&2; exit 1", "echo 'a.cc:7:3: runtime error: signed integer overflow'"):
            with self.subTest(script=script), self.assertRaises(process.Failed):
                process.run("bash", "-c", script)
        self.assertEqual(process.run("bash", "-c", "exit 1").code, 1)

    def test_a_sanitizer_has_an_exit_code_of_its_own(self):
        """Where a page throws away what muster prints, the code alone must tell."""
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            self.assertIn("exitcode=86", process.must("printenv", name).out)


if __name__ == "__main__":
    unittest.main()
