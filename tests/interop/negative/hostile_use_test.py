#!/usr/bin/env python3
"""The command line in clumsy and hostile hands: whatever is given, it says what is wrong where, and neither crashes nor hangs.

usage: hostile_use_test.py MUSTER
"""

from site_case import SiteCase, main
from kit import process

USAGE, INPUT, UNAVAILABLE, INTERNAL = 64, 66, 69, 70
ENDED = 128 + 15  # by SIGTERM before it was up, on a slow machine
FILES = ("empty", "junk", "directory", "loop", "absent", "/dev/zero", "")
COMMANDS = ("", "responder", "responder explain", "check", "stapler", "front", "show", "store", "store import", "store get", "store set",
            "store export", "crl", "crl publish", "config", "config check", "config reference", "version")


class HostileUse(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.odd = cls.dir / "odd files"
        cls.odd.mkdir()
        (cls.odd / "empty").touch()
        (cls.odd / "junk").write_bytes(bytes(range(256)) * 400)
        (cls.odd / "directory").mkdir()
        (cls.odd / "loop").symlink_to("loop")

    def must_refuse(self, *arguments, codes=(USAGE, INPUT), says=()):
        """Within the deadline, with one of these codes and with words on what was wrong: process.run() sees to crashes."""
        done = process.run(self.muster, *arguments, cwd=self.odd)
        self.assertIn(done.code, codes, str(done)[:2000])
        self.assertTrue(done.err.strip() or done.out.strip(), f"not a word: {done}"[:2000])
        for word in says:
            self.assertIn(word, done.text)
        return done

    def identity(self, **other):
        files = {"ca": self.ca.path("ca.pem"), "signer": self.ca.path("ocsp.pem"), "key": self.ca.path("ocsp.key"),
                 "index": self.ca.index} | other
        return [word for name, value in files.items() for word in (f"--{name}", value)]

    def test_every_command_helps_on_one_screen(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                done = process.must(self.muster, *command.split(), "--help")
                self.assertRegex(done.out, "[Uu]sage" if command != "version" else "^muster ")
                lines = done.out.splitlines()
                self.assertLessEqual(max(map(len, lines)), 80, done.out)
                # What a checker is asked for is long; its groups make it readable.
                self.assertLessEqual(len(lines), 100 if command == "check" else 60, done.out)

    def test_files_that_are_none_are_refused_by_name(self):
        for name in FILES:
            for option in ("ca", "signer", "key", "index"):
                if (name, option) == ("empty", "index"):
                    continue  # a new CA's is
                with self.subTest(file=name, option=option):
                    self.must_refuse("responder", "--listen", "127.0.0.1:0", *self.identity(**{option: name}),
                                     says=[name] if name else [])
            with self.subTest(file=name, option="crl"):
                if name:
                    self.must_refuse("responder", "--listen", "127.0.0.1:0", *self.identity()[:6], "--crl", name, "--unlisted", "good",
                                     says=[name])
            with self.subTest(file=name, command="show"):
                self.must_refuse("show", name, codes=(INPUT,), says=[name])
            with self.subTest(file=name, command="check"):
                self.must_refuse("check", "--roots", self.ca.path("ca.pem"), name, codes=(INPUT, 3), says=[name])
                self.must_refuse("check", "--roots", name, self.ca.path("good.pem"), codes=(INPUT,) if name else (USAGE,),
                                 says=["--roots", name])
            with self.subTest(file=name, command="config check"):
                if name != "empty":
                    self.must_refuse("config", "check", name, says=[name])
            with self.subTest(file=name, command="stapler"):
                self.must_refuse("stapler", "--shelf", self.dir / "shelf", "--cert", name, codes=(INPUT,) if name else (USAGE,),
                                 says=[name])
            with self.subTest(file=name, command="front"):
                self.must_refuse("front", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1", "--cert", name, "--key",
                                 self.ca.path("good.key"), says=[name])

    # An unset variable of a script must not pass for a file that is right.
    def test_empty_text_is_no_file_and_no_host(self):
        for command in (["responder", "--config", ""], ["stapler", "--shelf", ""], ["front", "--cert", ""], ["store", "--store", "", "stat"],
                        ["store", "--store", "x", "import", "--ca", "x", "--index", ""], ["crl", "publish", "--store", ""], ["check", "--issuer", "", "x"]):
            with self.subTest(command=command):
                self.must_refuse(*command, codes=(USAGE,), says=["is empty text"])
        self.must_refuse("config", "check", "", says=["empty"])
        self.must_refuse("check", "", codes=(INPUT,))
        for target in (":443", ":", "[", "]", "[]:443", " ", "::", "a" * 100_000, "\n", "host:99999", "[::1"):
            with self.subTest(target=target[:20]):
                self.must_refuse("check", target, codes=(INPUT, 3))

    def test_config_check_says_what_the_commands_would(self):
        issuer = "[responder]\n[[responder.issuer]]\nlabel = 'x'\nca = 'ca.pem'\nkey = 'ca.key'\n"
        for says, text in (("unlisted", issuer + "crl = 'a.crl'\n"), ("listen", "[front]\nlisten = ['127.0.0.1:99999']\n"),
                           ("upstream", "[front]\nupstream = 'nohost'\n"), ("listen", issuer.replace("]\n", "]\nlisten = ['x']\n", 1) + "index = 'i'\n")):
            with self.subTest(text=text):
                path = self.dir / "wrong.toml"
                path.write_text(text)
                self.must_refuse("config", "check", path, codes=(USAGE,), says=[says])

    def test_values_out_of_range_are_refused(self):
        for words in (["--validity", "0"], ["--validity", "-1d"], ["--validity", "99999999999999999999d"], ["--loops", "-1"],
                      ["--loops", "x"], ["--nonce", "maybe"], ["--unissued", "good"], ["--admin", "99999"], ["--prefix", ""],
                      ["--key-pass", "secret"], ["--nonsense"]):
            with self.subTest(words=words):
                self.must_refuse("responder", "--listen", "127.0.0.1:0", *self.identity(), *words, codes=(USAGE,))
        for address in ("", ":", "nonsense", "127.0.0.1:99999", "127.0.0.1", "::1", "unix:"):
            with self.subTest(listen=address):
                self.must_refuse("responder", *self.identity(), "--listen", address, codes=(USAGE, INPUT))

    def test_an_address_of_another_machine_is_told(self):
        self.must_refuse("responder", *self.identity(), "--listen", "192.0.2.77:1", codes=(UNAVAILABLE,), says=["an address that this machine has"])

    def test_a_port_in_use_is_told(self):
        running = self.start()
        done = process.run(self.muster, "responder", *self.identity(), "--listen", f"127.0.0.1:{running.address[1]}")
        self.assertNotEqual(done.code, 0)
        self.assertIn("in use", done.err)
        self.assertEqual(self.ask(running, "good"), "good")

    def test_configurations_out_of_all_proportion_are_refused_or_read(self):
        text = self.config(f'index = "{self.ca.index}"')[1].read_text()
        for what, content, code in (("long", text + "# a line\n" * 100_000, 0), ("deep", text + "x = " + "[" * 50_000, USAGE),
                                    ("wide", text + "x = \"" + "a" * 40_000_000 + "\"", INPUT)):
            with self.subTest(what=what):
                path = self.dir / f"{what}.toml"
                path.write_text(content)
                self.assertEqual(process.run(self.muster, "config", "check", path).code, code)

    def test_names_of_any_script_are_taken(self):
        made = self.found_ca("Zürich ☂ 中文")
        running = self.start(ca=made)
        self.assertEqual(self.ask(running, "good", ca=made), "good")

    # LMDB enlarges its lock file and writes it through a map: on a full disk that was SIGBUS.
    def test_a_full_disk_at_the_first_start_is_told(self):
        disk = self.dir / "disk"
        disk.mkdir()
        if process.run("unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", disk).code != 0:
            self.skipTest("no file systems can be mounted here, not even in a user's namespace")
        for free in range(0, 65_536, 4096):
            with self.subTest(free=free):
                done = process.run("unshare", "--mount", "--map-root-user", "sh", "-c", f"""
set -e
mount -t tmpfs -o size=128k none {disk}
head -c {131_072 - free} /dev/zero >{disk}/fill
exec timeout --preserve-status -s TERM 1 "$0" "$@" """, self.muster, "responder", "--listen", "127.0.0.1:0", *self.identity(),
                                   "--store", disk / "store")
                self.assertIn(done.code, (0, INPUT, INTERNAL, ENDED), str(done)[:2000])
                if done.code in (INPUT, INTERNAL):
                    self.assertIn("No space left on device", done.err)


if __name__ == "__main__":
    main()
