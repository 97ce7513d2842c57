"""The judge itself: each kind of wrong staple is called wrong, a right one right."""
import sys
import tempfile
import time
import unittest

import paths  # noqa: F401

try:
    import authority
    import rotation
    import scenarios
    import world
except ImportError as missing:  # cryptography: a package of other people's programs
    print(f"skipped: {missing}")
    sys.exit(77)
from kit import ocsp


class _Contender:
    port, places = 0, ("site",)

    @staticmethod
    def running():
        return True


class Judge(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.world = world.World.__new__(world.World)
        self.world.authority = self.ca = authority.Authority(self.directory.name, validity=100)
        self.world.certificate = self.ca.issue("site")
        self.world.contender, self.world.handshakes, self.world.newest = _Contender, 0, -1
        self.id = self.ca.ca.id("site")
        self.staple = None
        self.kept, world.handshake.shake_hands = world.handshake.shake_hands, lambda port: (self.staple, b"")

    def tearDown(self):
        world.handshake.shake_hands = self.kept
        self.ca.stop()
        self.directory.cleanup()

    def word(self, staple):
        self.staple = staple
        return self.world.see().word.split(":")[0].split(" ")[0]

    def test_each_kind(self):
        right = self.ca.answer(self.id)
        self.assertEqual(self.word(None), "none")
        self.assertEqual(self.word(right), "good")
        self.assertEqual(self.word(right[:-1] + b"x"), "rubbish")
        self.assertEqual(self.word(self.ca.answer(self.id, sign_wrongly=True)), "rubbish")
        self.assertEqual(self.word(self.ca.answer(self.id, status="unknown", remember=False)), "rubbish")
        self.assertEqual(self.word(self.ca.answer(self.id, at=time.time() - 101)), "expired")
        self.assertEqual(self.word(self.ca.answer(self.id, at=time.time() + 50)), "not")
        self.ca.issue("other")
        self.assertEqual(self.word(self.ca.answer(self.ca.ca.id("other"))), "rubbish")
        self.ca.revoke(self.world.certificate)
        self.assertEqual(self.word(self.ca.answer(self.id)), "revoked")
        self.assertEqual(self.word(right), "an", "an older 'good' behind a 'revoked'")

    def hammered(self, *seen):
        """What a hammer makes of handshakes; each is (staple, SHA-256 of the certificate), or an error to raise."""
        self.world.serials = {b"site": self.world.certificate.serial_number, b"other": self.ca.issue("other").serial_number}
        hammer = rotation.Hammer(self.world, clients=0)
        for one in seen:
            def shake_hands(*_, one=one, **__):
                if isinstance(one, Exception):
                    raise one
                return one
            world.handshake.shake_hands = shake_hands
            hammer.note(*rotation.look(self.world, None))
        return hammer

    def test_a_hammer_judges_by_the_certificate_that_was_shown(self):
        right = self.ca.answer(self.id)
        hammer = self.hammered((right, b"site"))
        hammer.check(may_cut=False)
        self.assertEqual(hammer.shown[self.world.certificate.serial_number], 1)
        for wrong in ((None, b"site"), (right, b"other"), (right, b"nobody's"), (self.ca.answer(self.id, at=time.time() - 101), b"site"),
                      (right[:-1] + b"x", b"site")):
            hammer = self.hammered((right, b"site"), wrong)
            self.assertEqual((hammer.tally().made, hammer.tally().unstapled), (2, 1))
            with self.assertRaises(scenarios.Wrong):
                hammer.check(may_cut=True)

    def test_a_hammer_tells_refused_from_cut(self):
        refused = world.handshake.NoHandshake("refused")
        cut = world.handshake.NoHandshake("the handshake failed", connected=True)
        hammer = self.hammered(refused, cut)
        self.assertEqual(hammer.tally(), rotation.Tally(0, 0, 1, 1))
        for seen in ((refused,), (cut,)):
            with self.assertRaises(scenarios.Wrong):
                self.hammered(*seen).check(may_cut=False)
        self.hammered(cut).check(may_cut=True)

    def test_a_hammer_whose_client_broke_found_nothing_right(self):
        hammer = self.hammered()
        hammer.faults.append("no port left")
        with self.assertRaises(scenarios.Wrong):
            hammer.check(may_cut=True)

    def test_what_is_not_allowed_is_raised(self):
        self.staple = None
        with self.assertRaises(scenarios.Wrong):
            self.world.expect("good")

    def test_given_answers_are_read_by_others(self):
        single = ocsp.parse_response(self.ca.answer(self.id)).singles[0]
        self.assertEqual((single.status, single.serial), ("good", self.ca.ca.serial("site")))


if __name__ == "__main__":
    unittest.main()
