"""What one change costs among many routes, from the file to the last answer of a real Envoy: processor time of `holdfast run --envoy`. See bench/run."""
import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

import peers
import translation


def processor(pid):
    """Milliseconds of all threads that there are (proc(5), schedstat)."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # it has ended meanwhile
    return total / 1e6


SLICE = """---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: r{0}
  namespace: app
  labels:
    kubernetes.io/service-name: r{0}
addressType: IPv4
ports:
  - name: http
    port: 8080
endpoints:
  - addresses: [192.0.2.{1}]
"""


def endpoints(routes, folder):
    """One for each Service, in files of twenty."""
    for first in range(0, routes, 20):
        (folder / f"slices-{first // 20}.yaml").write_text("".join(SLICE.format(i, i % 250 + 1) for i in range(first, min(routes, first + 20))))


class Gateway:
    def __init__(self, routes, envoy, *more):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-changes"))
        translation.manifests(routes, self.folder)
        endpoints(routes, self.folder)
        self.admin = f"http://127.0.0.1:{peers.free_port()}"
        port = next(p for p in iter(peers.free_port, None) if p > 1100)
        self.log = (self.folder / "log").open("w+")
        self.process = subprocess.Popen(
            [str(peers.ROOT / "holdfast"), "run", "-f", str(self.folder), "--envoy", "--xds", "127.0.0.1:0", f"--spawn-envoy={envoy}", "--port-offset", str(port - 80),
             "--admin", self.admin.removeprefix("http://"), *more], stdout=self.log, stderr=self.log)
        self.until(self.held, 300)
        self.envoy = int(re.search(r"process id (\d+)", self.text()).group(1))

    def text(self):
        self.log.flush()
        return (self.folder / "log").read_text()

    def get(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=60) as answer:
            return json.load(answer)

    def held(self):
        """Whether Envoy has all of the newest plan."""
        try:
            envoys = self.get("/api/envoys")
        except OSError:
            return False
        return bool(envoys) and all(e["plan"] == e["offered"] > 0 for e in envoys)

    def newest(self):
        return self.get("/api/reloads")[0]["atMillis"]

    def until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(self.text()[-3000:])
            time.sleep(0.2)

    def change(self, number):
        """Another timeout of the first route of another file."""
        files = sorted(self.folder.glob("routes-*.yaml"))
        file = files[number * 7 % len(files)]
        text = re.sub(r"request: \d+s", f"request: {11 + number}s", file.read_text(), count=1)
        beside = file.with_suffix(".tmp")
        beside.write_text(text)
        beside.rename(file)
        return True

    def cost(self, count, pause, change):
        """Milliseconds each, of us and of Envoy."""
        before = processor(self.process.pid), processor(self.envoy)
        for _ in range(count):
            newest = self.newest()
            changed = change()
            time.sleep(pause)
            self.until(lambda: not changed or self.newest() > newest, 300)
        after = processor(self.process.pid), processor(self.envoy)
        return [(b - a) / count for a, b in zip(before, after)]

    def stop(self):
        self.process.terminate()
        time.sleep(0.2)
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.folder)


def measure(routes, a, more):
    gateway = Gateway(routes, a.envoy, *more)
    numbers = iter(range(1, 1_000_000))
    try:
        gateway.cost(a.warm, a.pause, lambda: gateway.change(next(numbers)))
        seen = []
        for _ in range(a.rounds):
            idle = gateway.cost(a.count, a.pause, lambda: None)
            busy = gateway.cost(a.count, a.pause, lambda: gateway.change(next(numbers)))
            gateway.until(gateway.held, 10)
            seen.append([b - i for b, i in zip(busy, idle)])
        made = [r["tookMillis"] for r in gateway.get("/api/reloads")[:a.count]]
        return {"routes": routes, "cpu_ms": statistics.median(s[0] for s in seen), "envoy_cpu_ms": statistics.median(s[1] for s in seen),
                "made_ms": statistics.median(made)}
    finally:
        gateway.stop()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--envoy", default=shutil.which("envoy"), help="the program (default: the one on the PATH)")
    p.add_argument("--routes", type=int, nargs="*", default=[1_000, 10_000, 30_000])
    p.add_argument("--warm", type=int, default=60, help="changes before the first that counts")
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--pause", type=float, default=0.7, help="seconds between changes: more than files are waited for to come to rest, and than a change takes")
    p.add_argument("--rounds", type=int, default=3)
    a, more = p.parse_known_args()
    for n in a.routes:
        print(json.dumps(measure(n, a, more)), flush=True)


if __name__ == "__main__":
    main()
