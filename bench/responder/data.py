"""What is asked and answered about: a throwaway CA with delegates of three kinds, sources and stores of any size."""
import pathlib
import resource
import subprocess
import time

import kit_path  # noqa: F401
import machine
import serials
from kit import ocsp, pki, process

KEYS = {"P-256": "ec", "RSA-2048": "rsa", "Ed25519": "ed25519"}
LONG = 3600.0  # for what takes as long as there are certificates


class Data:
    """Everything below one directory, made when first asked for."""

    def __init__(self, directory, build):
        self.dir, self.build = pathlib.Path(directory), pathlib.Path(build)
        self.muster = self.build / "apps/muster/muster"
        self.ca = pki.Ca(self.dir, "ca")
        for kind, key in KEYS.items():
            self.ca.issue(f"signer-{kind}", "signer", key=key)
        certificate = ocsp.cert_id(self.ca.certificate, serials.serial(0), "sha256")
        (self.dir / "plain.der").write_bytes(ocsp.request(certificate))
        (self.dir / "nonce.der").write_bytes(ocsp.request(certificate, nonce=b"n" * 32))
        self._made = set()

    def path(self, name):
        return str(self.dir / name)

    def request(self, index):
        return ocsp.request(ocsp.cert_id(self.ca.certificate, serials.serial(index), "sha256"))

    def write_index(self, path, count, order="sorted", more_revoked=0):
        """An index.txt at `path`; `more_revoked` tells the states of one CA apart."""
        with open(path, "wb") as out:
            done = subprocess.run([self.build / "bench/data/muster_bench_data", str(count), order, str(more_revoked)], stdout=out,
                                  timeout=LONG)
        if done.returncode != 0:
            raise process.Failed(f"muster_bench_data {count}: exit {done.returncode}")

    def index(self, count, order="sorted"):
        path = self.path(f"index-{count}-{order}.txt")
        if path not in self._made:
            self.write_index(path, count, order)
            self._made.add(path)
        return path

    def store(self, count, order="sorted"):
        """Path of a store of so many certificates, through muster's own importer."""
        path = self.path(f"store-{count}-{order}")
        if path not in self._made:
            self.import_into(path, self.index(count, order), count)
            self._made.add(path)
        return path

    def import_into(self, path, index, count):
        """Runs the importer; what it took."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process.must(*machine.pinned(machine.SERVER_CORE, self.muster, "store", "import", "--store", path, "--ca", self.path("ca.pem"),
                                     "--index", index, "--label", "big"), deadline=LONG)
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        size = sum(file.stat().st_blocks * 512 for file in pathlib.Path(path).iterdir())
        return {"entries/s": count / seconds, "entries per CPU second": count / cpu, "octets each": size / count}
