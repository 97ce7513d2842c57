"""What may happen to a CA and to a server, and what must be seen in handshakes meanwhile.

The scenarios, their names and what passes are those that other servers were measured by (perf_stapling.md of the project's research): V is the
validity of an answer. Each is a function of a World; it raises Wrong when something must not be. Those with a wall clock that jumps are in the
simulation of the keeper (libs/keeper/tests/simulation), which can set a clock.
"""
import dataclasses
import os
import random
import signal
import subprocess
import time

import paths  # noqa: F401
import authority as ca


class Wrong(Exception):
    """A handshake showed, or a server did, what it must not."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    key: str
    text: str
    run: object
    validity: float = 1.0    # of V, where V has no room for a server's margin
    options: str = ""        # more lines for the feeder
    delegated: bool = False
    must_staple: bool = False
    starts: bool = True      # the world is started before run()
    rotates: bool = False    # certificates are renewed: a pair of them where the server can, and the machine for this world alone


ALL = []


def scenario(key, text, **options):
    def add(function):
        ALL.append(Scenario(key, text, function, **options))
        return function
    return add


def cold_start(world):
    world.stop()
    world.contender.wipe()
    world.start()


def lose_authority(world):
    """All is well, and from now on the CA is down."""
    world.become_steady()
    world.authority.behaviour = ca.down


def start_again(world, stop_signal=signal.SIGTERM):
    world.stop(stop_signal)
    world.start()
    world.expect("good", "the first handshake after the start")


@scenario("S1", "ten cold starts: the first handshake after the port opens has a valid staple", starts=False)
def ten_cold_starts(world):
    for number in range(10):
        cold_start(world)
        world.expect("good", f"the first handshake of start {number + 1}")


@scenario("S1d", "an answer signed by a delegated OCSP signer is stapled", delegated=True)
def delegated_signer(world):
    world.expect("good")


@scenario("S2", "stop and start while the CA is down: the held answer is stapled from the first handshake")
def restart_without_ca(world):
    lose_authority(world)
    start_again(world)
    world.watch(0.1, {"good"})


@scenario("S2r", "reload (same files) while the CA is down keeps the staple")
def reload_without_ca(world):
    lose_authority(world)
    for _ in range(3):
        world.contender.reload()
        world.watch(0.05, {"good"})


@scenario("S13", "kill -9 and start while the CA is down")
def killed_without_ca(world):
    lose_authority(world)
    for _ in range(3):
        start_again(world, signal.SIGKILL)


@scenario("S13k", "kill -9 twelve times at odd moments of a refresh: what is kept is never damaged, it always starts", options='refresh = "1s"')
def killed_in_refreshes(world):
    world.become_steady()
    world.authority.behaviour = ca.slow(0.3)
    dice = random.Random(13)
    for _ in range(12):
        time.sleep(dice.uniform(0.1, 1.6))
        world.stop(signal.SIGKILL)
        world.start()
        world.expect("good", "the first handshake after a kill")


@scenario("S13c", "a damaged shelf (truncated, random, empty, another certificate's), CA down: starts, staples no rubbish, recovers")
def damaged_shelf(world):
    world.become_steady()
    dice = random.Random(7)
    shelf = world.contender.dir / "shelf"
    for how in ("truncated", "random", "empty", "another's"):
        world.authority.behaviour = ca.down
        world.stop()
        for file in shelf.glob("*.staple"):
            octets = file.read_bytes()
            file.write_bytes({"truncated": octets[:len(octets) // 2], "random": dice.randbytes(len(octets)), "empty": b"",
                              "another's": octets.replace(octets[-40:], bytes(40))}[how])
        world.start()
        world.watch(0.05, {"good", "none"})
        world.authority.behaviour = ca.good
        world.within(0.5, {"good"}, f"after a shelf that was {how}")


@scenario("S18", "no room on the disk from the beginning: staples stay valid, kill -9 and start work", starts=False)
def no_room(world):
    shelf = world.contender.dir / "shelf"
    shelf.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", shelf], check=False).returncode != 0:
        raise Skipped("needs root, who may mount a file system of one page")
    try:
        (shelf / "filler").write_bytes(bytes(4096))
        world.start()
        world.within(0.3, {"good"}, "with a full disk")
        world.watch(1.2, {"good"})
        world.stop(signal.SIGKILL)
        world.start()
        world.within(0.3, {"good"}, "after a kill with a full disk")
    finally:
        world.stop()
        subprocess.run(["umount", "-l", shelf], check=False)


class Skipped(Exception):
    """Cannot be tried here; the text says why."""


@scenario("S3", "CA down for 2/3 of what servers use of V, beginning just after a refresh: no gap")
def outage_after_refresh(world):
    world.become_steady()
    world.until_refreshed()
    world.authority.behaviour = ca.down
    world.watch(world.outage(), {"good"})
    world.authority.behaviour = ca.good
    world.watch(0.5, {"good"})


@scenario("S3w", "CA down for 2/3 of what servers use of V, beginning at the worst moment (just before a refresh): no gap")
def outage_before_refresh(world):
    world.become_steady()
    begun = world.fail_from_next_request(ca.down)
    world.watch(0.8, {"good"}, until=begun.is_set)
    world.watch(world.outage(), {"good"})
    world.authority.behaviour = ca.good
    world.watch(0.5, {"good"})


@scenario("S5", "CA down past expiry: never an expired answer; recovers when the CA is back")
def outage_past_expiry(world):
    lose_authority(world)
    world.watch(1.3, {"good", "none"})
    world.expect("none", "1.3 V after the CA went down")
    world.authority.behaviour = ca.good
    world.within(0.5, {"good"}, "after the CA came back")


@scenario("S16", "CA flapping (good a third of the time, random faults else) for 3 V: no gap")
def flapping(world):
    world.become_steady()
    dice, end = random.Random(16), world.now() + 3 * world.validity
    faults = [fault for name, fault in ca.BAD.items() if name not in ("no answer", "unknown")]
    while world.now() < end:
        world.authority.behaviour = dice.choice((ca.good, dice.choice(faults), dice.choice(faults)))
        world.watch(dice.uniform(0.03, 0.12), {"good"})


@scenario("S6", "refreshed well before expiry (25 % of V always left), politely, over 3 V with traffic")
def steady(world):
    world.become_steady()
    world.authority.requests.clear()
    least = 1.0

    def left(seen):
        nonlocal least
        least = min(least, (seen.given.next_update - time.time()) / world.validity)
    world.watch(3, {"good"}, each=left)
    if least < 0.25:
        raise Wrong(f"only {least:.0%} of V were left")
    if len(world.authority.requests) > 30:
        raise Wrong(f"{len(world.authority.requests)} requests in 3 V")


@scenario("S6i", "no traffic for 1.5 V, CA good: the next handshake still has a valid staple")
def no_traffic(world):
    world.become_steady()
    time.sleep(1.5 * world.validity)
    world.expect("good", "after 1.5 V without traffic")


@scenario("S15", "CA signs ahead, anew every V/2: no gap, no hammering")
def signs_ahead(world):
    world.authority.renewed_every = world.validity / 2
    world.within(1.0, {"good"}, "from the first")
    world.authority.requests.clear()
    world.watch(2.5, {"good"})
    world.bound_requests(per_validity=60)


@scenario("S15l", "answers are served stale until shortly before servers let go of them (lazy CDN): no gap, no hammering", validity=3.0)
def lazy_cdn(world):
    world.authority.renewed_every = world.validity
    world.authority.renewed_left = world.contender.unused + max(6.0, 0.02 * world.validity)
    world.become_steady()
    world.authority.requests.clear()
    world.watch(2.2, {"good"})
    world.bound_requests(per_validity=150)


@scenario("S7", "CA changes to revoked: the old 'good' is gone from the handshakes within V/2", options='confirm_revocation = "2s"')
def revoked(world):
    world.become_steady()
    world.authority.revoke(world.certificate)
    world.within(0.5, {"revoked", "none"}, "after the revocation")
    world.watch(1.0, {"revoked", "none"})


@scenario("S7s", "already revoked at the start: revoked is stapled or nothing", starts=False, options='confirm_revocation = "2s"')
def revoked_at_start(world):
    world.authority.revoke(world.certificate)
    world.start()
    world.watch(0.5, {"revoked", "none"})


@scenario("S14", "CA clock ahead by V/20: stapled soon after, no gap later", starts=False)
def clock_ahead(world):
    world.authority.clock_error = world.validity / 20
    world.start()
    world.within(0.3, {"good"}, "from a CA whose clock is ahead", meanwhile={"none"})
    world.watch(1.5, {"good"})


@scenario("S14b", "CA clock behind by V/10: no gap", starts=False)
def clock_behind(world):
    world.authority.clock_error = -world.validity / 10
    world.start()
    world.within(0.1, {"good"}, "from a CA whose clock is behind")
    world.watch(1.5, {"good"})


@scenario("S11", "must-staple and no answer at the start; then the CA comes up: stapled soon", starts=False, must_staple=True)
def must_staple_without_ca(world):
    world.authority.behaviour = ca.down
    world.start()
    world.watch(0.3, {"none", "refused"})
    world.authority.behaviour = ca.good
    world.within(1.0, {"good"}, "after the CA came up", meanwhile={"none", "refused"})


@scenario("S11d", "CA hangs at the start: the server starts all the same, within 20 s", starts=False)
def hanging_at_start(world):
    world.authority.behaviour = ca.hang
    begun = time.monotonic()
    world.start()
    if (took := time.monotonic() - begun) > 40:
        raise Wrong(f"the start took {took:.0f} s")
    world.look({"none", "refused"})


@scenario("S12", "CA hangs until past expiry: no growth of descriptors, threads, memory; recovers within V/5")
def hangs(world):
    world.become_steady()
    before = world.use()
    world.authority.behaviour = ca.hang
    world.watch(1.3, {"good", "none"})
    after = world.use()
    for what, bound in (("descriptors", 20), ("threads", 4), ("MiB", 16)):
        if after[what] > before[what] + bound:
            raise Wrong(f"{what}: {before[what]:.0f} before, {after[what]:.0f} after")
    world.authority.behaviour = ca.good
    world.within(0.5, {"good"}, "after the CA came back")


@scenario("S17", "first staple from a CA with an unusual but correct HTTP style (chunked, small writes)", starts=False)
def odd_http(world):
    world.authority.behaviour = ca.odd_style
    world.start()
    world.within(0.1, {"good"}, "from the first")


@scenario("S4", "bad answers while a good staple is held: it stays, nothing bad is ever stapled", options='refresh = "2s"')
def bad_answers(world):
    world.become_steady()
    for name, behaviour in ca.BAD.items():
        world.authority.behaviour = ca.good
        world.until_refreshed(f"before '{name}'")
        world.authority.behaviour, count = behaviour, len(world.authority.requests)
        end = world.now() + world.validity / 2
        while len(world.authority.requests) == count and world.now() < end:
            world.look({"good"}, f"while the CA gives '{name}'")
            time.sleep(0.1)
        world.watch(0.06, {"good"}, f"while the CA gives '{name}'")
