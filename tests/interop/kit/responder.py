"""`muster responder` as a child."""
from . import process


class Responder:
    """Runs until stop(), which fails when it does not end well. `arguments` as on the command line, without the address."""

    def __init__(self, muster, *arguments, env=None):
        self.daemon = process.OwnDaemon(muster, "responder", "--listen", "127.0.0.1:0", *arguments, env=env)
        try:
            self.address = ("127.0.0.1", int(self.daemon.wait_for(r"^listening on 127\.0\.0\.1:(\d+)$")[1]))
        except process.Failed:
            self.daemon.refused()
            raise
        self.url = f"http://127.0.0.1:{self.address[1]}/"

    def wait_for(self, pattern, after=0):
        return self.daemon.wait_for(pattern, after)

    def stop(self):
        return self.daemon.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
