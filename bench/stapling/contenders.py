"""TLS servers that muster feeds, each with what of muster feeds it: started, stopped, killed and reloaded as one."""
import os
import pathlib
import shutil
import signal

import paths  # noqa: F401
from kit import process

MODULES = pathlib.Path("/usr/lib/apache2/modules")


class Contender:
    """Certificate `site.pem` (with chain), `site.key`, both in `site.both.pem`. \\param options  lines for [stapler] or [relay]"""
    margin = 0.0         # seconds before the end at which the server itself drops a staple
    taken_early = 0.0    # seconds before the end at which muster takes it from the server
    has_pairs = True     # whether one name may have an ECDSA and an RSA certificate
    reload_cuts = True   # whether its reload may end connections whose handshake is not over (that is the server's own affair)
    rotates = False      # whether its certificates are renewed: it has a pair then, where it can

    def __init__(self, muster, directory, authority, options):
        self.muster, self.dir, self.authority, self.options = muster, pathlib.Path(directory), authority, options
        self.dir.chmod(0o755)
        self.port = process.free_port()
        self.feeder = self.server = None

    @classmethod
    def missing(cls):
        """What must be installed and is not, or nothing."""
        return None if process.find(cls.program) else cls.program

    def path(self, name):
        return str(self.dir / name)

    def write(self, name, text):
        (self.dir / name).write_text(text)
        return self.path(name)

    @property
    def unused(self):
        """Seconds at the end of an answer of which the server makes no use."""
        return max(self.margin, self.taken_early)

    @property
    def places(self):
        """The certificates it has: each is a file of this name and its ending."""
        return ("site", "site-rsa") if self.rotates and self.has_pairs else ("site",)

    def install(self, name, place="site"):
        """Puts a certificate that the CA issued where the server has its own."""
        for ending in ("key", "chain.pem", "both.pem"):
            target = self.dir / f"{place}.{'pem' if ending == 'chain.pem' else ending}"
            shutil.copy(self.authority.ca.path(f"{name}.{ending}"), f"{target}.new")
            os.chmod(f"{target}.new", 0o644)
            os.rename(f"{target}.new", target)

    def start_feeder(self):
        self.feeder = process.Daemon(self.muster, *self.feeder_arguments(), leads=True)
        try:
            self.feeder.wait_for(self.ready, deadline=20.0)
        except process.Failed:
            if not self.feeder.running():
                raise

    def start_server(self):
        self.server = process.Daemon(*self.server_arguments(), leads=True)
        self.server.wait_for_port(self.port)

    def start(self):
        self.start_feeder()
        self.start_server()

    def stop(self, number=signal.SIGTERM):
        for daemon in (self.server, self.feeder):
            if daemon and daemon.running():
                if number == signal.SIGKILL:  # its workers, too: they would keep the port, as after no real crash of the machine
                    os.killpg(daemon.pid, number)
                daemon.stop(number)
        self.server = self.feeder = None

    def reload(self):
        self.feeder.send(signal.SIGHUP)

    def renew(self, issued):
        """Puts other certificates in the place of those that are served, as docs/howto/rotation.md says, and tells the server.

        \\param issued  what the CA calls the new one, by place
        """
        raise NotImplementedError

    def wipe(self):
        """Takes away all that is kept: as on the first day."""
        for thing in self.kept():
            if thing.is_dir():
                shutil.rmtree(thing)
            elif thing.exists():
                thing.unlink()

    def kept(self):
        return [self.dir / "shelf"]

    def running(self):
        return all(daemon.running() for daemon in (self.server, self.feeder) if daemon)

    def words(self):
        """The last that was said, for who looks for the cause."""
        return {daemon.name: daemon.output().splitlines()[-12:] for daemon in (self.server, self.feeder) if daemon}

    def pids(self):
        return [daemon.pid for daemon in (self.server, self.feeder) if daemon]


class Front(Contender):
    """muster front, which keeps its own staples: feeder and server in one."""
    name, program, reload_cuts = "front", "openssl", False

    def start_feeder(self):
        pass

    def server_arguments(self):
        return [self.muster, "front", "--config", self.write("front.toml", f"""
[front]
listen = ["127.0.0.1:{self.port}"]
upstream = "127.0.0.1:9"
shelf = "{self.path('shelf')}"
keep = true
loops = 1
{"".join(self.certificate(place) for place in self.places)}
[stapler]
{self.options}
""")]

    def certificate(self, place):
        return f"""
[[front.certificate]]
certificate = "{self.path(place)}.pem"
key = "{self.path(place)}.key"
"""

    def reload(self):
        self.server.send(signal.SIGHUP)

    def renew(self, issued):
        """It waits for the staple by itself before it serves the new certificate."""
        for place, name in issued.items():
            self.install(name, place)
        mark = self.server.mark()
        self.reload()
        self.server.wait_for(r"front\.reloaded", after=mark, deadline=60.0)


class _Stapled(Contender):
    """\\var ending  of the certificate files that the stapler watches"""
    ready = r"ready: "

    def start_feeder(self):
        """As a unit of systemd would: the server starts when its staple is in place, or none is to be had now."""
        super().start_feeder()
        for place in self.places:
            process.run(*self.waiting_for(self.watched(place), "5s"))

    def watched(self, place):
        return self.path(place + self.ending)

    def waiting_for(self, file, timeout):
        return [self.muster, "stapler", "wait", file, "--shelf", self.path("shelf"), "--timeout", timeout]

    def renew(self, issued):
        """Staged: the staple first; then the swap; then the server, when the staple is where it takes it from."""
        for name in issued.values():
            process.must(*self.waiting_for(self.authority.ca.path(f"{name}.chain.pem"), "60s"), deadline=90.0)
        for place, name in issued.items():
            self.install(name, place)
        for place in issued:
            process.must(*self.waiting_for(self.watched(place), "60s"), deadline=90.0)
        self.take_up()

    def take_up(self):
        """The deploy hook's last line."""

    def certificate(self, place):
        return f"""
[[stapler.certificate]]
certificate = "{self.watched(place)}"
name = "{place}"
"""

    def feeder_arguments(self):
        return ["stapler", "--config", self.write("muster.toml", f"""
[stapler]
shelf = "{self.path('shelf')}"
{self.options}
{"".join(self.certificate(place) for place in self.places)}
[[stapler.target]]
{self.target()}
probe = ["127.0.0.1:{self.port}"]
probe_every = "5s"
""")]


class Nginx(_Stapled):
    """One staple for all certificates of a server block: no pairs. Its target reloads it, the hook need not."""
    name, program, ending, has_pairs = "nginx", "nginx", ".pem", False
    taken_early = 5.0  # kReloadTakes in libs/stapler/src/target_rows.cc

    def target(self):
        return f"""type = "nginx"
file = "{self.path('staples')}/{{name}}.ocsp"
snippet = "{self.path('staples')}/{{name}}.conf"
reload = ["nginx", "-c", "{self.path('nginx.conf')}", "-e", "{self.path('error.log')}", "-s", "reload"]
reload_every = "0" """

    def kept(self):
        return [self.dir / "shelf", self.dir / "staples"]

    def server_arguments(self):
        (self.dir / "staples").mkdir(exist_ok=True)
        temp = "\n".join(f"{kind}_temp_path {self.path(kind)};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return ["nginx", "-e", self.path("error.log"), "-c", self.write("nginx.conf", f"""
daemon off;
worker_processes 2;
pid {self.path('nginx.pid')};
error_log {self.path('error.log')};
events {{}}
http {{
access_log off;
{temp}
server {{
  listen 127.0.0.1:{self.port} ssl;
  server_name web.example;
  ssl_certificate {self.path('site.pem')};
  ssl_certificate_key {self.path('site.key')};
  include {self.path('staples')}/site.con[f];
}}
}}
""")]

    def start_feeder(self):
        (self.dir / "staples").mkdir(exist_ok=True)
        super().start_feeder()

    def reload(self):
        super().reload()
        self.server.send(signal.SIGHUP)


class Haproxy(_Stapled):
    name, program, ending, margin = "haproxy", "haproxy", ".both.pem", 300.0

    def target(self):
        return f'type = "haproxy"\nsocket = "{self.path("admin.sock")}"'

    def kept(self):
        return [self.dir / "shelf", *(self.dir / f"{place}.both.pem.ocsp" for place in self.places)]

    def server_arguments(self):
        master = ["-W"] if self.rotates else []  # which hands its sockets to the next worker: a reload without a refused connection
        return ["haproxy", *master, "-db", "-f", self.write("haproxy.cfg", f"""
global
  stats socket {self.path('admin.sock')} mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:{self.port} ssl {" ".join(f"crt {self.watched(place)}" for place in self.places)}
  http-request return status 200
""")]

    def reload(self):
        """HAProxy without its master reloads by being started anew."""
        super().reload()
        self.server.stop()
        self.start_server()

    def take_up(self):
        self.server.send(signal.SIGUSR2)


class Apache(Contender):
    """Apache fetches by itself; the relay is whom it asks."""
    name, program, ready = "apache", "apache2", r"listening on 127"

    @classmethod
    def missing(cls):
        return super().missing() or (None if (MODULES / "mod_ssl.so").exists() else "mod_ssl")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.relay_port = process.free_port()
        self.cached = max(1, int(self.authority.validity / 60))  # seconds Apache hands something out without another look
        self.taken_early = self.cached + 1

    def feeder_arguments(self):
        return ["relay", "--config", self.write("muster.toml", f"""
[relay]
listen = ["127.0.0.1:{self.relay_port}"]
directory = "{self.path('shelf')}"
expiry_margin = "{self.taken_early}s"
{self.options}
{"".join(self.certificate(place) for place in self.places)}
""")]

    def certificate(self, place):
        return f"""
[[relay.certificate]]
certificate = "{self.path(place)}.pem"
name = "{place}"
"""

    def server_arguments(self):
        user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
        loaded = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so"
                           for name in ("mpm_event", "authz_core", "socache_shmcb", "ssl"))
        pairs = "\n".join(f"  SSLCertificateFile {self.path(place)}.pem\n  SSLCertificateKeyFile {self.path(place)}.key" for place in self.places)
        for old in ("apache.pid",):
            (self.dir / old).unlink(missing_ok=True)
        return ["apache2", "-DFOREGROUND", "-f", self.write("apache.conf", f"""
ServerRoot {self.dir}
DefaultRuntimeDir {self.dir}
PidFile {self.path('apache.pid')}
ServerName web.example
{loaded}
{user}
StartServers 1
ThreadsPerChild 4
MaxRequestWorkers 4
ErrorLog {self.path('error.log')}
Listen 127.0.0.1:{self.port}
SSLStaplingCache shmcb:{self.path('stapling')}(65536)
<VirtualHost *:{self.port}>
  SSLEngine on
{pairs}
  SSLUseStapling on
  SSLStaplingForceURL http://127.0.0.1:{self.relay_port}/
  SSLStaplingReturnResponderErrors off
  SSLStaplingFakeTryLater off
  SSLStaplingStandardCacheTimeout {self.cached}
  SSLStaplingErrorCacheTimeout {self.cached}
</VirtualHost>
""")]

    def reload(self):
        super().reload()
        self.server.send(signal.SIGUSR1)

    def renew(self, issued):
        """The relay first: it asks for the new certificate's answer before Apache does."""
        for place, name in issued.items():
            self.install(name, place)
        mark = self.feeder.mark()
        self.feeder.send(signal.SIGHUP)
        self.feeder.wait_for(r"relay\.reloaded", after=mark, deadline=60.0)
        self.server.send(signal.SIGUSR1)


ALL = (Front, Nginx, Haproxy, Apache)
