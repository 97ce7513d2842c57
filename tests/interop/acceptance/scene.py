"""Where an answer is shown: a responder that gives it to whoever asks, and a TLS server that staples it."""
import http.server
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading

from kit import process


class Scene:
    def __init__(self, muster, writer, server):
        self.muster = muster
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-acceptance-"))
        self._web = self._stapler = None
        try:
            process.must(writer, self.dir)
            self.answers = json.loads((self.dir / "answers.json").read_text())
            self._serve_answers()
            self._stapler = subprocess.Popen([server, self.path("chain.pem"), self.path("leaf.key"), self.path("staple")],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.port = int(self._stapler.stdout.readline())
        except BaseException:
            self.close()
            raise

    def path(self, name):
        return str(self.dir / name)

    def responder(self, name):
        return f"http://127.0.0.1:{self._web.server_address[1]}/{name}"

    def staple(self, name):
        shutil.copy(self.path(f"{name}.der"), self.path("staple"))

    def _serve_answers(self):
        scene = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = (scene.dir / f"{self.path.split('/')[1]}.der").read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # went away before the end of an answer too long for it

            do_GET = do_POST = _answer

            def log_message(self, *_):
                pass

        self._web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()

    def close(self):
        if self._web:
            self._web.shutdown()
            self._web.server_close()
        if self._stapler:
            self._stapler.stdin.close()
            self._stapler.wait(10)
            self._stapler.stdout.close()
        shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
