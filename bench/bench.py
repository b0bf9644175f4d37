"""Rounds of load against each peer in turn; medians, and ratios to the peers within the run. See bench/run."""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import peers
from load import Beside, Refused, Sockets, h2load, paced, quantile, slope, until, visits, wrk

RATE = 200


class Run:
    def __init__(self, arguments):
        self.a = arguments
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench"))
        self.folder.chmod(0o755)  # nginx's workers are another user
        self.peers = [p for p in peers.ALL if p.there() and (not arguments.only or p.name in arguments.only)]
        self.results, self.load = {}, {}
        self.failed = 0
        peers.certificate(self.folder)
        self.backend, self.pages = peers.backend(self.folder)
        self.echo, self.sockets = peers.echo(self.folder)

    def note(self, scenario, peer, **values):
        self.results.setdefault(scenario, {}).setdefault(peer, []).append(values)
        self.load.setdefault(scenario, []).append(os.getloadavg()[0])
        print(f"{scenario:26} {peer:9} " + "  ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items() if not isinstance(v, list)), flush=True)

    def measured(self, scenario, peer, measure):
        self.tried(scenario, peer, lambda p: self.note(scenario, p.name, **measure(p)))

    def tried(self, scenario, peer, work):
        """Whether it could be done."""
        try:
            work(peer)
            return True
        except Refused as e:
            print(f"{scenario:26} {peer.name:9} not done: {e}", flush=True)
        except Exception as e:  # one peer's failure is told and does not end the run
            self.failed += 1
            print(f"{scenario:26} {peer.name:9} FAILED {str(e)[-400:]}", flush=True)
        return False

    def each(self, measures, rounds=1, hosts=0):
        """Every measurement in one process of each peer, one after another: it is as warm as a gateway that has been up for a while."""
        wanted = self.wanted_of(measures)
        for _ in range(rounds if wanted else 0):
            for kind in self.peers:
                peer = kind(self.folder, self.pages, self.sockets, hosts).start()
                try:
                    for name, measure in wanted.items():
                        self.measured(name, peer, measure)
                finally:
                    peer.stop()

    def in_turn(self, measures):
        """
        Every measurement in one process of each peer, all of them up at once and measured one after another, again and again: a machine is not equally
        fast at all times, and what is compared lies seconds apart. Those whose turn it is not have nothing to do. Of each measurement, what warms up and what measures.
        """
        wanted = self.wanted_of(measures)
        for _ in range(self.a.rounds if wanted else 0):
            up = []
            try:
                for kind in self.peers:
                    up.append(kind(self.folder, self.pages, self.sockets).start())
                for name, (warm, measure) in wanted.items():
                    able = [peer for peer in up if self.tried(name, peer, warm)]
                    for _ in range(self.a.turns):
                        for peer in able:
                            self.measured(name, peer, measure)
            finally:
                for peer in up:
                    peer.stop()

    def wanted(self, name):
        return not self.a.scenario or any(name.startswith(s) for s in self.a.scenario)

    def wanted_of(self, measures):
        return {name: measure for name, measure in measures.items() if self.wanted(name)}

    def throughput(self):
        s, a = self.a.seconds, self.a

        def loaded(load):
            def measure(peer):
                cpu, start = peer.process.cpu(), time.monotonic()
                n = load(peer, warm=False)
                wall = time.monotonic() - start
                return {"rps": n / wall, "cpu_us": (peer.process.cpu() - cpu) / n * 1e6}
            return lambda peer: load(peer, warm=True), measure

        post = self.folder / "post"
        post.write_bytes(b"y" * 1024)
        posting = self.folder / "post.lua"
        posting.write_text('wrk.method = "POST"\nwrk.body = string.rep("y", 1024)\n')
        n = self.a.requests
        loads = {
            "b1 h1 1k": lambda p, warm: wrk(p.plain, "/1k", False, a.warm if warm else s),
            "b2 h1 tls 1k": lambda p, warm: wrk(p.tls, "/1k", True, a.warm if warm else s),
            "b3 h1 tls 64k": lambda p, warm: wrk(p.tls, "/64k", True, a.warm if warm else s),
            "b4 h2 tls 1k": lambda p, warm: h2load(p.tls, "/1k", n, seconds=a.warm if warm else None),
            "b5 h2 tls 64k": lambda p, warm: h2load(p.tls, "/64k", n // 6, seconds=a.warm if warm else None),
            "b6 h2 post 1k": lambda p, warm: h2load(p.tls, "/post", n // 2, post, a.warm if warm else None),
            "b7 h1 64k": lambda p, warm: wrk(p.plain, "/64k", False, a.warm if warm else s),
            "b8 h1 post 1k": lambda p, warm: wrk(p.plain, "/post", False, a.warm if warm else s, posting),
        }
        self.in_turn({name: loaded(load) for name, load in loads.items()})

    def relay(self):
        """Messages there and back as fast as they go, and handshakes; what counts is the proxy's processor time for each."""
        def measure(size, tls=True, rate="messages_per_s", **options):
            def run(peer, before, seconds):
                with Sockets(peer.tls if tls else peer.plain, 64, interval=0, size=size, tls=tls, window=4, **options) as load:
                    if not load.opened:
                        raise Refused("it opens no such WebSocket")
                    time.sleep(before)
                    load.take()
                    cpu = peer.process.cpu()
                    time.sleep(seconds)
                    got = load.take()
                    spent = peer.process.cpu() - cpu
                if not got["messages"]:
                    raise Refused(f"nothing came back ({got['failed']} failed)")
                if got["failed"] > got["messages"] / 1000:
                    raise RuntimeError(f"{got['failed']} WebSockets did not open")
                return {rate: got["messages"] / got["seconds"], "cpu_us": spent / got["messages"] * 1e6}
            # A handshake is so dear that a JVM needs longer to have seen ten thousands of them.
            warm = self.a.warm * (3 if options.get("handshakes") else 1)
            return lambda peer: run(peer, 0, warm), lambda peer: run(peer, 1, self.a.seconds)
        def opening(**options):
            return measure(64, rate="handshakes_per_s", handshakes=True, **options)
        self.in_turn({
            "c1 ws 64B": measure(64, tls=False), "c2 ws 1k": measure(1024, tls=False), "c3 ws 64k": measure(65000, tls=False),
            "c4 wss 64B": measure(64), "c5 wss 1k": measure(1024), "c6 wss 64k": measure(65000),
            "c7 wss h2 64B": measure(64, per_connection=16), "c8 wss h2 1k": measure(1024, per_connection=16), "c8 wss h2 64k": measure(65000, per_connection=16),
            "c9 handshakes": opening(tls=False), "c9 handshakes tls": opening(resumed=False), "c9 handshakes resumed": opening(), "c9 handshakes h2": opening(per_connection=16)})

    def warm_pages(self, peer):
        """As fast as they go: a gateway has been up for weeks, a JVM compiles for its first ten thousands."""
        wrk(peer.tls, "/64k", True, self.a.warm)
        h2load(peer.tls, "/64k", self.a.requests // 6, seconds=self.a.warm)

    def idle(self):
        """
        Memory of silent WebSockets. Pages of a JVM's heap may have been touched before and be filled now without growing, so it is counted in two ways: by what is
        resident, and by what is resident outside of the heap together with what is alive in it.
        """
        def measure(peer):
            fresh = peer.process.rss()
            for h1 in (True, False):
                paced(self.folder, peer.tls, "/64k", RATE * 2, self.a.warm, h1)
            with Sockets(peer.tls, 200, interval=0):
                time.sleep(2)
            time.sleep(2)
            alive, pages = peer.process.heap()
            before = peer.process.rss()
            with Sockets(peer.tls, self.a.streams, interval=-1) as load:
                time.sleep(self.a.settle)
                n = max(load.opened, 1)
                grown = peer.process.rss() - before
                out = {"streams": load.opened, "kib_per_stream": grown / n / 1024}
                live, touched = peer.process.heap()
                out["kib_live"] = (live - alive) / n / 1024
                out["kib_with_heap"] = (peer.process.rss() - before - (touched - pages) + live - alive) / n / 1024
            # What has ended is given back in a quiet moment: a minute, as a gateway has at night.
            time.sleep(self.a.settle * 6)
            return out | {"mib_started": fresh / 2**20, "mib_before": before / 2**20, "mib_after_close": peer.process.rss() / 2**20}
        self.each({"d idle streams": measure})

    def beside(self):
        """Pages at a steady rate with none, some and many open wss, each of which speaks every 4 s."""
        def pages(peer, label):
            """By each protocol in turn; of each window its quantiles, and the median of these: one moment in which the machine stood still is no quantile."""
            seen = {"h1": [], "h2": []}
            spent = {"h1": 0.0, "h2": 0.0}
            failed = {"h1": 0, "h2": 0}
            for _ in range(self.a.turns):
                for name, windows in seen.items():
                    cpu = peer.process.cpu()
                    times, missing = paced(self.folder, peer.tls, "/64k", RATE, self.a.seconds, name == "h1")
                    windows.append(times)
                    failed[name] += missing
                    spent[name] += peer.process.cpu() - cpu
            out = {}
            for name, windows in seen.items():
                for key, q in (("p50", 0.5), ("p99", 0.99)):
                    out[f"{name}_{label}_{key}"] = statistics.median(quantile(w, q) for w in windows)
                out[f"{name}_{label}_p999"] = quantile(sorted(t for w in windows for t in w), 0.999)
                out[f"{name}_{label}_failed"] = failed[name]
                out[f"{name}_{label}_cpu"] = spent[name] / (self.a.seconds * self.a.turns) * 100
            return out

        def measure(peer):
            self.warm_pages(peer)
            out = pages(peer, "none") | {"streams": self.a.streams, "dropped": 0}
            for label, count in (("some", self.a.streams // 8), ("many", self.a.streams)):
                with Sockets(peer.tls, count, interval=4) as load:
                    time.sleep(self.a.settle)
                    load.take()
                    out |= pages(peer, label)
                    ws = load.take()
                    out |= {"dropped": out["dropped"] + ws["dropped"] + ws["failed"], f"ws_{label}_p99": ws["p99_ms"]}
            return out
        self.each({"a pages beside streams": measure}, self.a.rounds)

    def lasting(self):
        """With many streams open: pages for minutes, then pages while the configuration changes again and again."""
        def measure(peer):
            self.warm_pages(peer)
            with Sockets(peer.tls, self.a.streams, interval=4) as load:
                time.sleep(self.a.settle)
                load.take()
                ever = {h1: [] for h1 in (True, False)}
                memory = []
                for i in range(self.a.windows * 2):
                    ever[i % 2 == 0].append(quantile(paced(self.folder, peer.tls, "/64k", RATE, self.a.window, i % 2 == 0)[0], 0.99))
                    memory.append(peer.process.rss() / 2**20)
                held = load.take()
                out = {"streams": load.opened, "minutes": self.a.windows * 2 * self.a.window / 60, "dropped": held["dropped"], "ws_p99": held["p99_ms"],
                       "h1_p99s": ever[True], "h2_p99s": ever[False], "h1_p99": statistics.median(ever[True]), "h2_p99": statistics.median(ever[False]), "mib": memory[-1]}
                out |= {f"{name}_{k}": v for name, values, step in (("h1", ever[True], self.a.window / 30), ("h2", ever[False], self.a.window / 30), ("mib", memory, self.a.window / 60)) for k, v in slope(values, step).items()}
                return out | self.changed(peer, load)
        self.each({"e streams through changes": measure})

    def changed(self, peer, load):
        """Three changes a second, for as long as a slow peer may take, with pages on new connections beside them, after some changes that only warm it; then pages without changes, as before them."""
        def change():
            since = peer.change()
            time.sleep(max(0.0, since + 0.33 - time.monotonic()))

        warmed = time.monotonic() + self.a.longest / 5
        for _ in range(self.a.changes // 5):
            if time.monotonic() < warmed:
                change()
        memory, out, made, over = [], {}, 0, time.monotonic() + self.a.longest
        with Beside(lambda done: visits(peer.tls, "/64k", done)) as pages:
            while made < self.a.changes and time.monotonic() < over:
                change()
                made += 1
                if made % 10 == 0:
                    memory.append(peer.process.rss() / 2**20)
        until(peer.plain, f"/mark-{peer.mark}", 204, time.monotonic(), seconds=60)
        got = load.take()
        for name in ("h1", "h2"):
            times, missing = paced(self.folder, peer.tls, "/64k", RATE, self.a.window, name == "h1")
            out |= {f"after_{name}_{key}": quantile(times, q) for key, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))} | {f"after_{name}_failed": missing}
        return out | {"changes": made, "changes_dropped": got["dropped"], "changes_ws_p99": got["p99_ms"], "changes_page_p99": pages.result["p99"],
                "changes_failed": pages.result["failed"], "changes_mib": memory[-1] if memory else 0} | {f"changes_mib_{k}": v for k, v in slope(memory, 0.1).items()}

    def starts(self):
        """From the start of the process to its first answer by TLS."""
        for _ in range(self.a.rounds if self.wanted("f1 start") else 0):
            for kind in self.peers:
                peer = kind(self.folder, self.pages, self.sockets)
                self.measured("f1 start", peer, self.started)
                peer.stop()

    def started(self, peer):
        since = time.monotonic()
        peer.begin()
        return {"ms": until(peer.tls, "/1k", 200, since, tls=True, seconds=30)}

    def effects(self):
        """From a change, written and signalled, to the first answer that shows it."""
        def measure(peer):
            took = []
            for _ in range(self.a.effects + 1):
                since = peer.change()
                took.append(until(peer.plain, f"/mark-{peer.mark}", 204, since))
            return {"ms": statistics.median(took[1:]), "worst_ms": max(took[1:])}
        for name, hosts in (("f2 effect, few", 10), ("f3 effect, many", self.a.routes)):
            self.each({name: measure}, hosts=hosts)

    def keep(self):
        """What has been measured so far is in the file, should the run be stopped."""
        if self.a.json:
            settings = {k: str(v) for k, v in vars(self.a).items() if k != "json"}
            kept = json.loads(self.a.json.read_text()) if self.a.json.exists() else {}
            now = {name: {"settings": settings, "load": [min(self.load[name]), max(self.load[name])], "medians": medians(by_peer), "rounds": by_peer} for name, by_peer in self.results.items()}
            self.a.json.write_text(json.dumps(kept | now, indent=1) + "\n")

    def all(self):
        try:
            for measure in (self.starts, self.effects, self.throughput, self.relay, self.idle, self.beside, self.lasting):
                measure()
                self.keep()
        finally:
            self.echo.stop()
            self.backend.stop()


def medians(by_peer):
    out = {}
    for peer, rounds in by_peer.items():
        values = {k: [r[k] for r in rounds if isinstance(r.get(k), (int, float))] for k in rounds[0]}
        out[peer] = {k: statistics.median(v) if v else rounds[0][k] for k, v in values.items()}
        out[peer] |= {k + "_spread": spread(values[k]) for k in ("cpu_us", "ms") if values.get(k)}
    return out


def spread(values):
    """Of the middle half."""
    if len(values) < 3:
        return max(values) - min(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=2, help="of new processes")
    p.add_argument("--turns", type=int, default=4, help="how often each is measured in a round, the others between")
    p.add_argument("--seconds", type=int, default=4, help="of each turn")
    p.add_argument("--warm", type=int, default=8, help="seconds before each measurement, the same for everybody; a JVM compiles in them")
    p.add_argument("--settle", type=int, default=10, help="seconds that open streams are left alone before they are looked at")
    p.add_argument("--requests", type=int, default=60_000)
    p.add_argument("--streams", type=int, default=8000)
    p.add_argument("--windows", type=int, default=10, help="how often pages by each protocol are measured beside the streams")
    p.add_argument("--window", type=int, default=15, help="for how many seconds each time")
    p.add_argument("--changes", type=int, default=500)
    p.add_argument("--longest", type=int, default=300, help="seconds in which they are to be made")
    p.add_argument("--routes", type=int, default=5000)
    p.add_argument("--effects", type=int, default=5)
    p.add_argument("--only", nargs="*")
    p.add_argument("--scenario", nargs="*")
    p.add_argument("--json", type=pathlib.Path, help="where results go; what it has of other scenarios stays")
    arguments = p.parse_args()
    run = Run(arguments)
    run.all()
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
