"""Remembered answers over HTTP: beside nginx, a bare loop and the peers; over one certificate and over many."""
import kit_path  # noqa: F401
import load
import servers
from figures import Row, interleaved
from kit import process

# shared/research/perf_responder.md: measured on such a machine, not in this run.
BOULDER_CPU_US, BOULDER_LIVE_CPU_US, BOULDER_MIB = 36.0, 114.0, 1030.0

PATTERNS = (
    ("get", "Remembered answer, GET, keep-alive, 64 connections", load.Pattern(), 1.25),
    ("post", "Remembered answer, POST, keep-alive, 64 connections", load.Pattern(method="post"), 1.25),
    ("pipelined", f"The same, pipelined {load.PIPELINE} deep (GET)", load.Pattern(pipeline=load.PIPELINE), 8.0),
    ("close", "New connection for each request (GET)", load.Pattern(close=True), 1.0),
)


def start_peers(plan, answer, notes):
    """Those that are here; why the others are not goes to `notes`."""
    data, started = plan.data, [servers.Bare(plan.data, answer.raw)]
    for make in (lambda: servers.Nginx(data, answer), lambda: servers.Cfssl(data, answer), lambda: servers.Openssl(data)):
        try:
            started.append(make())
        except (LookupError, process.Failed) as absent:
            notes.append(f"left out: {str(absent).splitlines()[0]}")
    return started


def serves(server, pattern, request):
    """Whether this peer can be asked so at all."""
    if pattern.pipeline > 1 and server.name in ("cfssl ocspserve", "openssl ocsp"):
        return False
    if server.name == "openssl ocsp" and not pattern.close:
        return False
    answer = server.post(request) if pattern.method == "post" else server.get(request)
    return answer is not None and answer.code == 200


def judge(plan, row, bound):
    row.goals.append(plan.goal("muster / nginx, requests/s", bound, row.ratio("requests/s", "muster", "nginx return"),
                               why="nginx is not installed"))
    if row.key in ("get", "post"):
        row.goals.append(plan.goal("CPU per request, muster / bare epoll", 1.1, row.ratio("CPU us", "muster", "bare epoll"), at_least=False))
        cpu = row.median("muster", "CPU us")
        row.goals.append(plan.goal("Boulder's CPU per request (36 us, recorded) / muster's", 5.0, BOULDER_CPU_US / cpu if cpu else None))
    row.goals.append(plan.no_errors(row, "muster"))


def rows(plan):
    data, notes = plan.data, []
    muster = servers.Muster(data, "small", servers.signer(data) + f'\nindex = "{data.index(1)}"')
    started = [muster]
    try:
        request = data.request(0)
        answer = muster.get(request)
        if muster.post(request).body != answer.body:
            raise process.Failed("GET and POST do not give the same answer")
        started += start_peers(plan, answer, notes)
        for key, title, pattern, bound in PATTERNS:
            row = Row(key, title, plan.cost(load.told(pattern, load.How(plan.seconds, wrk=not plan.short))), notes=list(notes))
            contenders = {}
            for server in started:
                if serves(server, pattern, request):
                    # A peer that signs each answer serves one connection at a time: more would only wait.
                    asked = load.Pattern(**{**vars(pattern), "connections": 4}) if server.name == "openssl ocsp" else pattern
                    contenders[server.name] = lambda server=server, asked=asked: plan.sample(server, asked)
                else:
                    row.notes.append(f"{server.name} does not answer such requests.")
            interleaved(row, contenders, plan.rounds)
            judge(plan, row, bound)
            yield row
        yield from large(plan, muster)
    finally:
        for server in started:
            server.stop()


def large(plan, small):
    """Over a store of many certificates."""
    big = servers.muster_of_store(plan.data, "big", plan.count, f"ready_answers = {max(1024, 4 * plan.hot)}\n{servers.PATIENT}")
    try:
        row = Row("large", f"Store of {plan.count:,} certificates, requests spread over all of it, 1 % of them remembered (GET)",
                  plan.cost(f"muster_bench_load --serials {plan.count} --hot {plan.hot}"))
        plan.fill(big, plan.hot)
        plan.fill(big, plan.hot)
        interleaved(row, {
            "muster, 1 certificate": lambda: plan.sample(small, load.Pattern(serials=2, hot=1)),
            f"muster, {plan.count:,}: 1 %": lambda: plan.sample(big, plan.spread(hot=plan.hot)),
            f"muster, {plan.count:,}: all": lambda: plan.sample(big, plan.spread()),
        }, plan.rounds)
        one, spread = list(row.figures)[:2]
        row.goals.append(plan.goal("requests/s, large / single", 0.8, row.ratio("requests/s", spread, one)))
        row.goals.append(plan.goal("CPU per request, single / large", 0.8, row.ratio("CPU us", one, spread)))
        row.goals.append(plan.no_errors(row, *row.figures))
        row.notes.append("Asked about are the remembered ones, evenly spread over the whole store, at random; the last line asks about all, so that "
                         "most answers are signed live: for that there is no goal.")
        yield row
    finally:
        big.stop()
