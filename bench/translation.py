"""What it costs to translate many HTTPRoutes: from files to a plan in a new process, after one change, and whole commands. See bench/run."""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import peers

TARGET = peers.ROOT / "app/target"


def flags():
    """As ./holdfast starts its JVM."""
    script = (peers.ROOT / "holdfast").read_text()
    line = re.search(r"^flags=\((.*?)\)$", script, re.S | re.M).group(1).split()
    return line + ([f"-XX:AOTCache={TARGET / 'holdfast.aot'}"] if (TARGET / "holdfast.aot").exists() else [])


def class_path():
    one = TARGET / "holdfast.jar"
    ours = [one] if one.exists() else [TARGET / "app-0.1.0-SNAPSHOT.jar", *(TARGET / "lib").glob("*.jar")]
    return ":".join(map(str, [*ours, peers.ROOT / "bench/target/bench-0.1.0-SNAPSHOT.jar"]))


def steps(routes):
    done = subprocess.run([peers.java(), *flags(), "-cp", class_path(), "dev.holdfast.bench.Translating", str(routes)], capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(done.stdout[-400:] + done.stderr[-400:])
    return json.loads(done.stdout.splitlines()[-1])


def manifests(routes, folder):
    subprocess.run([peers.java(), *flags(), "-cp", class_path(), "dev.holdfast.bench.Translating", str(routes), str(folder)], check=True, timeout=300)


def command(line):
    """{ms, cpu_ms, peak_mb} of a whole process; what it prints goes nowhere."""
    start = time.monotonic()
    process = subprocess.Popen([str(x) for x in line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{line}: exit status {process.returncode}")
    return {"ms": (time.monotonic() - start) * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000, "peak_mb": used.ru_maxrss * 1024 / 1e6}


def egctl(routes, folder, program):
    """All manifests in one file, which is how it takes them."""
    file = folder / "all.yaml"
    file.write_text("---\n".join(f.read_text() for f in sorted(folder.glob("*.yaml")) if f != file))
    try:
        return command([program, "x", "translate", "--from", "gateway-api", "--to", "ir", "--add-missing-resources", "-f", file])
    finally:
        file.unlink()


def medians(rounds):
    """Of each number, whatever it is nested in."""
    first = rounds[0]
    if isinstance(first, dict):
        return {k: medians([r[k] for r in rounds]) for k in first}
    return statistics.median(rounds)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--routes", type=int, nargs="*", default=[1_000, 10_000])
    p.add_argument("--egctl", default=shutil.which("egctl"), help="Envoy Gateway's egctl (default: the one on the PATH)")
    p.add_argument("--egctl-routes", type=int, nargs="*", default=[100, 1_000])
    p.add_argument("--json", type=pathlib.Path)
    a = p.parse_args()
    result = {"rounds": a.rounds, "load": [], "holdfast": {}, "egctl": {}}
    seen = {n: [] for n in a.routes}
    for _ in range(a.rounds):
        for n in a.routes:
            result["load"].append(os.getloadavg()[0])
            one = steps(n)
            with tempfile.TemporaryDirectory(prefix="holdfast-bench") as folder:
                manifests(n, folder)
                for name, line in {"check": ["check"], "translate": ["translate", "--to", "plan"]}.items():
                    one[name] = command([peers.ROOT / "holdfast", *line, "-f", folder])
            seen[n].append(one)
            print(json.dumps(one), flush=True)
    result["holdfast"] = {str(n): medians(rounds) for n, rounds in seen.items()}
    result["fastest_ms"] = {str(n): min(sum(r["cold"][s]["ms"] for s in r["cold"]) for r in rounds) for n, rounds in seen.items()}
    for n in a.egctl_routes if a.egctl else []:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench") as folder:
            manifests(n, folder)
            result["egctl"][str(n)] = egctl(n, pathlib.Path(folder), a.egctl)
            print("egctl", n, json.dumps(result["egctl"][str(n)]), flush=True)
    if a.json:
        a.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
