"""Starts ./holdfast as a user does, waits until it answers, and ends it by its own process id."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOLDFAST = str(ROOT / "holdfast")


# Below the ports that the kernel gives to outgoing connections (ip(7), ip_local_port_range): one that is free now could be
# somebody's a moment later.
PORTS = range(12_000, 32_000)


def free(port):
    try:
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False


def free_port():
    return next(p for p in iter(lambda: random.choice(PORTS), None) if free(p))


def offset_for(*ports):
    """An offset that makes free ports of these."""
    return next(o for o in iter(lambda: random.choice(PORTS) - min(ports), None) if all(free(p + o) for p in ports))


BOTH_PLANES = pytest.mark.parametrize("plane", ["embedded", "envoy"], indirect=True)


class Gateway:
    """On the plane `envoy` it is a control plane with a real Envoy of its own."""

    def __init__(self, *args, admin=True, command="run", env=None, plane="embedded"):
        self.plane = plane
        if plane == "envoy":
            from .xds import envoy_binary
            args = (*args, "--envoy", "--xds", "127.0.0.1:0", f"--spawn-envoy={envoy_binary()}")
        self.admin_port = free_port()
        line = [HOLDFAST, command, *map(str, args)]
        if admin:
            line += ["--admin", f"127.0.0.1:{self.admin_port}"]
        self.started = time.monotonic()
        # Buffers that nobody released are reported on stderr, and fail the test that started this.
        paranoid = {"HOLDFAST_JAVA_OPTS": "-Dio.netty.leakDetection.level=paranoid"}
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **paranoid, **(env or {})},
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a background job's children would ignore it
        self.out, self.err = [], []
        self._threads = [threading.Thread(target=self._collect, args=a, daemon=True) for a in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for t in self._threads:
            t.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def ready(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"holdfast ended with {self.process.returncode}\n{self.text()}")
            try:
                if self.get("/readyz")[0] == 200:
                    return self.settled()
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready in {seconds} s\n{self.text()}")

    def settled(self, seconds=30):
        """Envoy holds the newest plan whole; the embedded plane has it at once."""
        def holds():
            envoys = self.json("/api/envoys")
            return self.plane != "envoy" or (envoys and all(e["plan"] == e["offered"] > 0 for e in envoys))
        wait(holds, seconds, lambda: f"{self.json('/api/envoys')}\n{self.text()}")
        return self

    def streams_open(self):
        """How many, as far as the plane says."""
        if self.plane == "envoy":
            return sum(e["streams"] for e in self.json("/api/envoys"))
        return len(self.json("/api/streams"))

    def _envoy(self, pattern):
        found = re.search(pattern, self.text())
        assert found, self.text()
        return found.group(1)

    def envoy_pid(self):
        return int(self._envoy(r"process id (\d+)"))

    def envoy_stat(self, name):
        """One of Envoy's counters or gauges, by its own admin address."""
        with urllib.request.urlopen(self._envoy(r"its admin address (\S+)/") + "/stats", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith(name + ":")]
        return int(lines[0].split()[-1]) if lines else 0

    def text(self):
        return "\n".join(self.out + self.err)

    def get(self, path, method="GET", headers=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def json(self, path):
        status, body = self.get(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def access_log(self):
        return [json.loads(line) for line in self.out if line.startswith("{")]

    def reloads(self):
        return self.json("/api/reloads")

    def wait_reload(self, count, seconds=10):
        """Until so many changes have been dealt with, the first reading counted."""
        wait(lambda: len(self.reloads()) >= count, seconds, lambda: f"{len(self.reloads())} of {count} reloads\n{self.text()}")
        self.settled()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def ended(self, seconds=60):
        """The exit status, once it has ended by itself."""
        return self.process.wait(seconds)

    def end(self, seconds=60):
        """The exit status; ends the process where it runs yet."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("did not end on SIGTERM\n" + self.text())
        for t in self._threads:
            t.join(5)
        return self.process.returncode

    def __enter__(self):
        return self

    def look_for_leaks(self):
        """Netty reports a lost buffer once it has been collected and the next one is allocated."""
        try:
            status, plan = self.get("/api/plan")
        except OSError:
            return  # without an admin address
        if status != 200:
            return  # it asks for a token
        listeners = json.loads(plan)["listeners"]
        jcmd = pathlib.Path(os.readlink(f"/proc/{self.process.pid}/exe")).with_name("jcmd")
        done = subprocess.run([jcmd, str(self.process.pid), "GC.run"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for listener in listeners:
            try:
                with socket.create_connection(("127.0.0.1", listener["bindPort"]), 2) as s:
                    s.settimeout(2)
                    s.sendall(b"GET / HTTP/1.1\r\nhost: leak.test\r\nconnection: close\r\n\r\n")
                    while s.recv(4096):
                        pass
            except OSError:
                pass  # one with TLS has no answer to this; it has allocated

    def _stop(self):
        self.signal(signal.SIGTERM)
        time.sleep(0.05)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __exit__(self, kind=None, *_):
        if self.process.poll() is None:
            try:
                if kind is None and self.plane == "embedded":
                    self.look_for_leaks()
            finally:
                self._stop()
        for t in self._threads:
            t.join(5)
        assert "LEAK" not in self.text(), self.text()


def wait(condition, seconds=10, what=lambda: "condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what()}")


def run(*args, timeout=120):
    """A command that ends by itself: (exit status, stdout, stderr)."""
    done = subprocess.run([HOLDFAST, *map(str, args)], capture_output=True, text=True, cwd=ROOT, timeout=timeout)
    return done.returncode, done.stdout, done.stderr
