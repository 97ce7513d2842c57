"""strongSwan's IKE daemon: a gateway that insists on the status of its peers' certificates."""
import os
import pathlib
import re
import socket

from bench import CASES, Skip, program
from kit import process
from row import Seen, agreed, conclusion, logged, row

_PLUGINS = "random nonce x509 revocation constraints pubkey pem pkcs1 pkcs8 openssl kdf hmac curl socket-default kernel-netlink vici"


def _free_udp_port():
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class _Side:
    """One charon with its own sockets, files and log. It makes IKE_SAs without children (RFC 6023), so that nothing of the
    machine's IPsec is touched."""

    def __init__(self, bench, name, ports, cases, connections):
        self.dir = bench.dir / name
        for part in ("x509", "private", "x509ca"):
            (self.dir / part).mkdir(parents=True)
        for case in cases:
            (self.dir / f"x509/{case}.pem").write_text(bench.read(f"{case}.pem"))
            (self.dir / f"private/{case}.key").write_text(bench.read(f"{case}.key"))
        for ca in ("root", "ca"):
            (self.dir / f"x509ca/{ca}.pem").write_text(bench.read(f"{ca}.pem"))
        (self.dir / "swanctl.conf").write_text(f"connections {{\n{connections}}}\n")
        self._uri = f"unix://{self.dir}/vici"
        self._env = {"SWANCTL_DIR": str(self.dir), "STRONGSWAN_CONF": bench.write(f"{name}.conf", f"""
charon-systemd {{
  load = {_PLUGINS}
  port = {ports[0]}
  port_nat_t = {ports[1]}
  install_routes = no
  filelog {{
    log {{
      path = {self.dir}/log
      default = 1
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = {self._uri}
    }}
    socket-default {{
      use_ipv6 = no
    }}
  }}
}}
swanctl {{
  load = random pem x509 pkcs1 pkcs8 openssl
}}
""")}
        daemon = bench.daemon(program("charon-systemd"), env=self._env)
        try:
            process.until(lambda: self._listens() or not daemon.running(), "charon listens to swanctl")
        finally:
            self._must_run(daemon)
        done = self.swanctl("--load-all", "--noprompt")
        if done.code != 0:
            raise process.Failed(f"{done}\n{self.log()}")

    def _listens(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.dir / "vici")) == 0

    def _must_run(self, daemon):
        profiles = pathlib.Path("/sys/kernel/security/apparmor/profiles")
        if daemon.running() and self._listens():
            return
        if profiles.exists() and "charon-systemd" in profiles.read_text():
            raise Skip("AppArmor keeps charon within its own directories here")
        if "unable to bind XFRM" in self.log() or "Operation not permitted" in self.log():
            raise Skip("charon may not use the kernel's IPsec here (CAP_NET_ADMIN)")
        raise process.Failed(f"charon did not start:\n{daemon.output()}\n{self.log()}")

    def log(self, start=0):
        path = self.dir / "log"
        return path.read_bytes()[start:].decode("utf-8", "replace") if path.exists() else ""

    def swanctl(self, *arguments):
        return process.run(program("swanctl"), *arguments, "--uri", self._uri, env=self._env, deadline=60)


@row("strongswan-charon", "strongSwan charon (IKEv2), `revocation = strict`",
     "charon-systemd strongswan-swanctl libstrongswan-standard-plugins libstrongswan-extra-plugins", "established", "refused", "refused")
def strongswan_charon(bench):
    """A client with each certificate authenticates itself to a gateway, which says why when it refuses."""
    program("charon-systemd"), program("swanctl")
    if os.getuid() != 0:
        raise Skip("charon wants the rights of root")
    port = _free_udp_port()
    gateway = _Side(bench, "gateway", (0, port), ["good"], f"""
gateway {{
  version = 2
  local_addrs = 127.0.0.1
  mobike = no
  childless = force
  local {{
    auth = pubkey
    certs = good.pem
    id = {bench.host("good")}
  }}
  remote {{
    auth = pubkey
    revocation = strict
  }}
}}
""")
    client = _Side(bench, "client", (0, 0), CASES, "".join(f"""
{case} {{
  version = 2
  local_addrs = 127.0.0.1
  remote_addrs = 127.0.0.1
  remote_port = {port}
  mobike = no
  childless = force
  local {{
    auth = pubkey
    certs = {case}.pem
    id = {bench.host(case)}
  }}
  remote {{
    auth = pubkey
    id = {bench.host("good")}
  }}
}}
""" for case in CASES))
    said = {}
    for case in CASES:
        start = len(gateway.log().encode())
        done = client.swanctl("--initiate", "--ike", case, "--timeout", "30")
        seen = conclusion(str(done), {"initiate completed successfully": "established", "received AUTHENTICATION_FAILED": "refused"})
        why = {"revoked": "certificate was revoked on .*, reason: key compromise",
               "unknown": r"constraint check failed: RULE_\w+_VALIDATION is \w+, but requires at least GOOD"}.get(case)
        said[case] = agreed(seen, logged(lambda: gateway.log(start), {
            f"(?s)checking certificate status of .CN={bench.host(case)}.*certificate status is good.*"
            r"IKE_SA gateway\[\d+\] established": "established",
            f"(?s)checking certificate status of .CN={bench.host(case)}.*{why}": "refused"}))
    return Seen(re.search(r"swanctl (\d[\w.]*)", client.swanctl("--version").text)[1], said, "asks about the intermediate CA too")
