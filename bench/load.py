"""The loads: wrk, h2load, and our own WebSocket client; each gives what it measured, and an error where an answer was missing."""
import json
import re
import socket
import ssl
import statistics
import subprocess
import threading
import time

import peers


class Refused(Exception):
    """The peer does not do what was asked of it: no failure of the run."""


def sh(line, timeout=120):
    return subprocess.run([str(x) for x in line], capture_output=True, text=True, timeout=timeout)


class Sockets:
    """The open-loop WebSocket client, in a process of its own; options are those of dev.holdfast.bench.Sockets, `resumed` whether it keeps TLS sessions."""

    def __init__(self, port, count, resumed=True, **options):
        words = [word for k, v in options.items() for word in (f"--{k.replace('_', '-')}", str(v).lower())]
        line = [*peers.jvm(), "-Xmx1g", f"-Dio.netty.handler.ssl.openssl.sessionCacheClient={str(resumed).lower()}", *peers.bench_classes("Sockets"), "--connect", f"127.0.0.1:{port}", "--count", str(count), *words]
        self.popen = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.opened = int(self.popen.stdout.readline().split()[1])

    def take(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return json.loads(self.popen.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.popen.stdin.close()
        self.popen.wait(20)


def wrk(port, path, tls, seconds, script=None):
    done = sh(["wrk", "-t1", "-c64", f"-d{seconds}s", *(["-s", script] if script else []), f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}"])
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


def paced(folder, port, path, rate, seconds, h1):
    """
    Pages at a steady rate, one after another at even distances and not in bursts: eight connections, each opened a bit after the one before it.
    Milliseconds of each that came, in order of size, and how many failed.
    """
    log = folder / "logs" / "paced.log"  # a folder of its own: Holdfast watches the one that its manifests' folder is in
    log.parent.mkdir(exist_ok=True)
    line = ["h2load", "-t1", "-c8", "-m4", "-r1", f"--rate-period={1000 // rate}ms", "--rps", rate // 8, "-n", rate * seconds, "--log-file", log, f"https://127.0.0.1:{port}{path}"]
    if h1:
        line[1:1] = ["--h1"]
    done = sh(line, seconds + 60)
    rows = [row.split("\t")[:3] for row in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    times = sorted(int(micros) / 1000 for _, status, micros in rows if status == "200")
    if not times:
        raise RuntimeError("no page came: " + done.stdout + done.stderr)
    return times, len(rows) - len(times)


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE


def answer(port, path, tls=False):
    """The status of one request on a connection of its own, read to its end; 0 where there is no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            with TRUSTING.wrap_socket(plain) if tls else plain as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n".encode())
                head = s.recv(4096)
                while s.recv(65536):
                    pass
                return int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else 0
    except OSError:
        return 0


def visits(port, path, until_done, each=0.05):
    """One page after another, each by TLS on a connection of its own, 20 a second: p99 in ms counted from when it was due, and how many failed."""
    times, failed, due = [], 0, time.monotonic()
    while not until_done():
        time.sleep(max(0.0, due - time.monotonic()))
        failed += answer(port, path, tls=True) != 200
        times.append((time.monotonic() - due) * 1000)
        due += each
    return {"p99": quantile(sorted(times), 0.99), "failed": failed}


def until(port, path, status, since, tls=False, seconds=120):
    """Milliseconds from `since` until `path` is answered with `status`."""
    while answer(port, path, tls) != status:
        if time.monotonic() - since > seconds:
            raise RuntimeError(f"no {status} for {path} in {seconds} s")
        time.sleep(0.005)  # whoever asks must not take the processor from what is asked
    return (time.monotonic() - since) * 1000


def slope(values, step):
    """Least squares: growth per unit of what lies `step` apart, and twice its standard error: within that it cannot be told from 0."""
    xs = [i * step for i in range(len(values))]
    if len(xs) < 3:
        return {"slope": 0.0, "within": 0.0}
    fit = statistics.linear_regression(xs, values)
    left = sum((y - fit.slope * x - fit.intercept) ** 2 for x, y in zip(xs, values))
    spread = sum((x - statistics.mean(xs)) ** 2 for x in xs)
    return {"slope": fit.slope, "within": 2 * (left / (len(xs) - 2) / spread) ** 0.5}


class Beside:
    """`work` in a thread for as long as the block lasts, which `work` asks by the function it is given; `result` is what it gave."""

    def __init__(self, work):
        self.thread = threading.Thread(target=self.run)
        self.work, self.result, self.error, self.over = work, None, None, False

    def run(self):
        try:
            self.result = self.work(lambda: self.over)
        except Exception as e:  # told where the block ends
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *rest):
        self.over = True
        self.thread.join()
        if self.error and not kind:
            raise self.error
