#!/usr/bin/env python3
"""Accounting of CPU time, serials as in C++, and that wrong answers are found."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import checks
import machine
import serials
from kit import der, ocsp, process

SPIN = "import time\nwhile time.process_time() < 0.2: pass\nprint('spun', flush=True)\ninput()"


class Accounting(unittest.TestCase):
    def test_a_child_and_its_child_count(self):
        code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPIN!r}])"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            self.assertEqual(parent.stdout.readline(), "spun\n")
            self.assertGreaterEqual(machine.cpu_seconds(parent.pid), 0.2)
            parent.communicate("\n", timeout=60)

    def test_a_thread_that_has_ended_counts(self):
        spin = "import threading, time\ndef spin():\n while time.thread_time() < 0.2: pass\n"
        code = spin + "t = threading.Thread(target=spin); t.start(); t.join()\nprint('spun', flush=True)\ninput()"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            self.assertEqual(child.stdout.readline(), "spun\n")
            self.assertGreaterEqual(machine.cpu_seconds(child.pid), 0.2)
            child.communicate("\n", timeout=60)

    def test_memory_of_this_process(self):
        resident, own = machine.memory(os.getpid())
        self.assertGreater(resident, own)
        self.assertGreater(own, 1 << 20)

    def test_a_pinned_child_has_one_core_and_ends_with_us(self):
        code = "import os; print(len(os.sched_getaffinity(0)))"
        done = process.must(*machine.pinned(machine.SERVER_CORE, sys.executable, "-c", code))
        self.assertEqual(done.out.strip(), "1")
        words = machine.pinned(machine.SERVER_CORE, sys.executable, "-c", "print('up', flush=True); input()")
        code = f"import subprocess, time\nsubprocess.Popen({words!r})\ntime.sleep(600)"
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            self.assertEqual(parent.stdout.readline(), "up\n")
            parent.kill()
            # The grandchild held the other end of this pipe: it closes when that is gone.
            self.assertEqual(parent.stdout.read(), "")


class Serials(unittest.TestCase):
    def test_are_those_of_the_other_programs(self):
        self.assertEqual(f"{serials.serial(0):X}"[:8], "6220A839")  # requests_test.cc has these octets, too
        self.assertTrue(all(serials.serial(i).bit_length() == 127 for i in range(1000)))
        self.assertEqual([i for i in range(30) if serials.is_revoked(i)], [9, 19, 29])


def answer(cert_id, status="good", nonce=None):
    """An OCSPResponse without a true signature."""
    state = {"good": der.tlv(0x80), "revoked": der.tlv(0xA1, der.tlv(0x18, b"20260101000000Z"))}[status]
    time = der.tlv(0x18, b"20260101000000Z")
    single = der.tlv(der.SEQUENCE, cert_id, state, time)
    tail = der.tlv(0xA1, der.tlv(der.SEQUENCE, ocsp.extension(ocsp.NONCE, der.tlv(der.OCTET_STRING, nonce)))) if nonce else b""
    data = der.tlv(der.SEQUENCE, der.tlv(0xA2, der.tlv(der.OCTET_STRING, b"key")), time, der.tlv(der.SEQUENCE, single), tail)
    basic = der.tlv(der.SEQUENCE, data, der.tlv(der.SEQUENCE, der.oid("1.2.3")), der.tlv(der.BIT_STRING, b"\0sig"))
    inner = der.tlv(der.SEQUENCE, der.oid("1.3.6.1.5.5.7.48.1.1"), der.tlv(der.OCTET_STRING, basic))
    return der.tlv(der.SEQUENCE, der.tlv(der.ENUMERATED, b"\0"), der.tlv(0xA0, inner))


class Checks(unittest.TestCase):
    def setUp(self):
        self.states = checks.expected_states(20)
        self.id = ocsp.CertId("sha256", b"n" * 32, b"k" * 32, serials.serial(3))

    def test_a_true_answer_passes(self):
        checks.check_pair(ocsp.request(self.id), answer(self.id.encode()), self.states)
        checks.check_pair(ocsp.request(self.id, nonce=b"x" * 32), answer(self.id.encode(), nonce=b"x" * 32), self.states)

    def test_wrong_answers_are_found(self):
        other = ocsp.CertId("sha256", b"n" * 32, b"k" * 32, serials.serial(4)).encode()
        for request, octets, said in (
                (ocsp.request(self.id), answer(self.id.encode(), "revoked"), "the answer says revoked"),
                (ocsp.request(self.id), answer(other), "answered about"),
                (ocsp.request(self.id, nonce=b"x" * 32), answer(self.id.encode()), "nonce"),
                (ocsp.request(self.id, nonce=b"x" * 32), answer(self.id.encode(), nonce=b"y" * 32), "nonce"),
                (ocsp.request(self.id), der.tlv(der.SEQUENCE, der.tlv(der.ENUMERATED, b"\3")), "tryLater")):
            with self.assertRaisesRegex(process.Failed, said):
                checks.check_pair(request, octets, self.states)

    def test_records_are_read_pair_by_pair_and_empty_ones_refused(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "record"
            path.write_bytes(b"".join(struct.pack(">I", len(part)) + part for part in (b"ab", b"", b"c", b"def")))
            self.assertEqual(checks.pairs(path), [(b"ab", b""), (b"c", b"def")])
            path.write_bytes(b"")
            with self.assertRaisesRegex(process.Failed, "nothing was answered"):
                checks.check_record(None, path, self.states)


if __name__ == "__main__":
    unittest.main()
