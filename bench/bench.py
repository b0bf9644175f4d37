"""Rounds of load against each peer in turn; medians, and ratios to the peers within the run. See bench/run."""
import argparse
import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import peers


def sh(line, timeout=120):
    return subprocess.run([str(x) for x in line], capture_output=True, text=True, timeout=timeout)


class Sockets:
    """The open-loop WebSocket client."""

    def __init__(self, folder, port, count, interval, size=64, tls=True, window=1):
        libs = ":".join(map(str, [peers.ROOT / "bench/target/bench-0.1.0-SNAPSHOT.jar", *(peers.ROOT / "bench/target/lib").glob("*.jar")]))
        self.popen = subprocess.Popen(
            [peers.java(), "-XX:+UseSerialGC", "-Xmx1g", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp", libs, "dev.holdfast.bench.Sockets",
             "--connect", f"127.0.0.1:{port}", "--count", str(count), "--interval", str(interval), "--size", str(size), "--tls", str(tls).lower(), "--window", str(window)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.opened = int(self.popen.stdout.readline().split()[1])

    def take(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return json.loads(self.popen.stdout.readline())

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(20)


def wrk(port, path, tls, seconds, connections=64):
    done = sh(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}"])
    requests = re.search(r"(\d+) requests in", done.stdout)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if not requests or errors:
        raise RuntimeError(done.stdout + done.stderr)
    return int(requests.group(1))


def h2load(port, path, requests, data=None, seconds=None):
    """`seconds` is for warming up: whole runs until they are over. h2load's own -D never ends where a handshake takes longer than it."""
    line = ["h2load", "-t1", "-c16", "-m16", "-n", requests, f"https://127.0.0.1:{port}{path}"]
    if data:
        line[1:1] = ["-d", data]
    end = time.monotonic() + (seconds or 0)
    done = sh(line)
    while time.monotonic() < end:
        done = sh(line)
    good = re.search(r"(\d+) succeeded", done.stdout)
    if not good or int(good.group(1)) < requests:
        raise RuntimeError(done.stdout + done.stderr)
    return requests


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def paced(folder, port, path, rate, seconds, h1):
    """Pages at a steady rate: (p50, p99, p99.9) in ms, and how many failed."""
    log = folder / "paced.log"
    log.unlink(missing_ok=True)
    line = ["h2load", "-t1", "-c8", "-m4", "--rps", rate // 8, "-D", seconds, "--warm-up-time", "1s", "--log-file", log, f"https://127.0.0.1:{port}{path}"]
    if h1:
        line[1:1] = ["--h1"]
    sh(line, seconds + 60)
    times, failed = [], 0
    for row in log.read_text().splitlines():
        _, status, micros = row.split("\t")[:3]
        if status == "200":
            times.append(int(micros) / 1000)
        else:
            failed += 1
    times.sort()
    at = lambda q: times[min(len(times) - 1, int(len(times) * q))] if times else None
    return {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "failed": failed, "count": len(times)}


class Run:
    def __init__(self, arguments):
        self.a = arguments
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench"))
        self.folder.chmod(0o755)  # nginx's workers are another user
        self.peers = [p for p in peers.ALL if p.there() and (not arguments.only or p.name in arguments.only)]
        self.results = {}
        self.failed = 0
        peers.certificate(self.folder)
        self.backend, self.pages = peers.backend(self.folder)
        self.echo, self.sockets = peers.echo(self.folder)

    def note(self, scenario, peer, **values):
        slot = self.results.setdefault(scenario, {}).setdefault(peer, [])
        slot.append(values)
        print(f"{scenario:26} {peer:9} " + "  ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items()), flush=True)

    def each(self, measures, rounds=None, first=lambda peer: None):
        """Every measurement in one process of each peer, one after another: it is as warm as a gateway that has been up for a while."""
        wanted = {name: measure for name, measure in measures.items() if self.wanted(name)}
        for _ in range((rounds or self.a.rounds) if wanted else 0):
            for kind in self.peers:
                peer = kind(self.folder, self.pages, self.sockets).start()
                try:
                    first(peer)
                    for name, measure in wanted.items():
                        try:
                            self.note(name, peer.name, **measure(peer))
                        except Exception as e:  # one peer's failure is told and does not end the run
                            self.failed += 1
                            print(f"{name:26} {peer.name:9} FAILED {str(e)[-400:]}", flush=True)
                finally:
                    peer.stop()

    def throughput(self):
        s, a = self.a.seconds, self.a

        def loaded(load, peer):
            load(peer, warm=True)
            cpu, start = peer.process.cpu(), time.monotonic()
            n = load(peer, warm=False)
            wall = time.monotonic() - start
            return {"rps": n / wall, "cpu_us": (peer.process.cpu() - cpu) / n * 1e6}

        post = self.folder / "post"
        post.write_bytes(b"y" * 1024)
        n = self.a.requests
        loads = {
            "b1 h1 1k": lambda p, warm: wrk(p.plain, "/1k", False, a.warm if warm else s),
            "b2 h1 tls 1k": lambda p, warm: wrk(p.tls, "/1k", True, a.warm if warm else s),
            "b3 h1 tls 64k": lambda p, warm: wrk(p.tls, "/64k", True, a.warm if warm else s),
            "b4 h2 tls 1k": lambda p, warm: h2load(p.tls, "/1k", n, seconds=a.warm if warm else None),
            "b5 h2 tls 64k": lambda p, warm: h2load(p.tls, "/64k", n // 6, seconds=a.warm if warm else None),
            "b6 h2 post 1k": lambda p, warm: h2load(p.tls, "/post", n // 2, post, a.warm if warm else None),
        }
        self.each({name: lambda p, load=load: loaded(load, p) for name, load in loads.items()}, first=lambda p: loads["b1 h1 1k"](p, True))

    def relay(self):
        def measure(size, tls):
            def run(peer):
                load = Sockets(self.folder, peer.tls if tls else peer.plain, 64, 0, size, tls, 4)
                try:
                    time.sleep(self.a.warm)
                    load.take()
                    cpu = peer.process.cpu()
                    time.sleep(self.a.seconds)
                    got = load.take()
                    spent = peer.process.cpu() - cpu
                    return {"messages_per_s": got["messages"] / got["seconds"], "cpu_us": spent / max(got["messages"], 1) * 1e6}
                finally:
                    load.close()
            return run
        sizes = (("c1 ws 64B", 64, False), ("c2 wss 64B", 64, True), ("c3 wss 1k", 1024, True), ("c4 wss 64k", 65000, True))
        self.each({name: measure(size, tls) for name, size, tls in sizes})

    def beside(self):
        """Pages at a steady rate with 0, some and many open wss, each of which speaks every 4 s; then memory per stream."""
        def measure(peer):
            out = {}
            wrk(peer.tls, "/64k", True, 2)
            for h1 in (True, False):
                got = paced(self.folder, peer.tls, "/64k", 200, self.a.seconds, h1)
                out |= {f"{'h1' if h1 else 'h2'}_0_p50": got["p50"], f"{'h1' if h1 else 'h2'}_0_p99": got["p99"]}
            before = peer.process.rss()
            load = Sockets(self.folder, peer.tls, self.a.streams, 4)
            try:
                time.sleep(5)
                load.take()
                for h1 in (True, False):
                    got = paced(self.folder, peer.tls, "/64k", 200, self.a.seconds, h1)
                    out |= {f"{'h1' if h1 else 'h2'}_n_p50": got["p50"], f"{'h1' if h1 else 'h2'}_n_p99": got["p99"], f"{'h1' if h1 else 'h2'}_n_failed": got["failed"]}
                ws = load.take()
                out |= {"streams": load.opened, "dropped": ws["dropped"], "ws_p99": ws["p99_ms"], "kib_per_stream": (peer.process.rss() - before) / max(load.opened, 1) / 1024}
            finally:
                load.close()
            time.sleep(3)
            out["mib_idle_before"] = before / 2**20
            out["mib_after_close"] = peer.process.rss() / 2**20
            return out
        self.each({"a pages beside streams": measure}, 1)

    def reloads(self):
        def measure(peer):
            if not hasattr(peer, "reload"):
                return {"skipped": 1}
            load = Sockets(self.folder, peer.tls, self.a.streams, 4)
            try:
                time.sleep(4)
                load.take()
                sizes = []
                for i in range(self.a.reloads):
                    peer.reload(i)
                    time.sleep(0.3)
                    if i % 10 == 9:
                        sizes.append(peer.process.rss() / 2**20)
                got = load.take()
                half = len(sizes) // 2
                return {"reloads": self.a.reloads, "dropped": got["dropped"], "ws_p99": got["p99_ms"],
                        "mib_first_half": statistics.mean(sizes[:half] or [0.0]), "mib_second_half": statistics.mean(sizes[half:] or [0.0])}
            finally:
                load.close()
        self.each({"e reloads": measure}, 1)

    def starts(self):
        if not self.wanted("f start"):
            return
        for _ in range(self.a.rounds):
            for kind in self.peers:
                peer = kind(self.folder, self.pages, self.sockets)
                line, options = peer.line(), peer.options()
                start = time.monotonic()
                peer.process = peers.Process(peer.name, line, self.folder, **options)
                while not (listens(peer.tls) and sh(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://127.0.0.1:{peer.tls}/1k"]).stdout == "200"):
                    if time.monotonic() - start > 30:
                        break
                    time.sleep(0.005)  # whoever asks must not take the processor from what starts
                self.note("f start", peer.name, ms=(time.monotonic() - start) * 1000)
                peer.stop()

    def wanted(self, name):
        return not self.a.scenario or any(name.startswith(s) for s in self.a.scenario)

    def all(self):
        try:
            self.starts()
            self.throughput()
            self.relay()
            self.beside()
            self.reloads()
        finally:
            self.echo.stop()
            self.backend.stop()


def medians(results):
    out = {}
    for scenario, by_peer in results.items():
        for peer, rounds in by_peer.items():
            keys = rounds[0].keys()
            out.setdefault(scenario, {})[peer] = {k: statistics.median([r[k] for r in rounds if isinstance(r.get(k), (int, float))] or [0]) for k in keys} | {
                k + "_spread": (max(r[k] for r in rounds) - min(r[k] for r in rounds)) for k in ("cpu_us", "ms") if k in keys}
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=6)
    p.add_argument("--warm", type=int, default=10, help="seconds before each measurement, the same for everybody; a JVM compiles in them")
    p.add_argument("--requests", type=int, default=120_000)
    p.add_argument("--streams", type=int, default=4000)
    p.add_argument("--reloads", type=int, default=100)
    p.add_argument("--only", nargs="*")
    p.add_argument("--scenario", nargs="*")
    p.add_argument("--json", type=pathlib.Path)
    arguments = p.parse_args()
    run = Run(arguments)
    run.all()
    result = {"settings": {k: str(v) for k, v in vars(arguments).items()}, "medians": medians(run.results), "rounds": run.results}
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
