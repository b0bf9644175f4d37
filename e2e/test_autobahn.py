"""RFC 6455 as Autobahn has it: a WebSocket through the gateway behaves in every case as the same one without it."""
import asyncio
import glob
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest
import websockets

from conftest import absent
from lib import manifests

HERE = pathlib.Path(__file__).parent
# Framing, pings, reserved bits, opcodes, fragments, UTF-8, closes, and messages in odd chunks; the rest are sizes and compression.
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.1", "9.2.1", "9.7.1"]

POLICY = """apiVersion: holdfast.dev/v1alpha1
kind: StreamPolicy
metadata: {name: frames, namespace: home-automation}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}]
  limits: {messageBytes: 64Mi, messagesPerSecond: 1000000}
  ping: {interval: 30s, towards: Both}
"""


@pytest.fixture
def fuzzer():
    """The suite is written for Python 2.7; e2e/run installs it where there is one."""
    found = [shutil.which("python2.7") or "", *glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7"))]
    # A shim of pyenv's is there without the version behind it.
    python = next((p for p in found if p and subprocess.run([p, "-c", ""], capture_output=True).returncode == 0), None)
    if python and (HERE / ".cache/autobahn/autobahntestsuite").exists():
        return python
    absent("Autobahn's test suite is not installed: it needs Python 2.7")


@pytest.fixture
def echo():
    """A careful server that echoes, by a library that passes the suite itself."""
    loop = asyncio.new_event_loop()
    started, ending, port = threading.Event(), asyncio.Event(), []

    async def serve():
        async def each(socket):
            async for message in socket:
                await socket.send(message)
        async with websockets.serve(each, "127.0.0.1", 0, max_size=None, compression=None, ping_interval=None) as server:
            port.append(server.sockets[0].getsockname()[1])
            started.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    yield port[0]
    loop.call_soon_threadsafe(ending.set)
    thread.join(20)
    loop.close()


def verdicts(python, folder, servers):
    spec = folder / "spec.json"
    spec.write_text(json.dumps({
        "options": {"failByDrop": False}, "outdir": str(folder / "reports"), "enable-ssl": False,
        "servers": [{"agent": name, "url": f"ws://127.0.0.1:{port}", "options": {"version": 18}} for name, port in servers.items()],
        "cases": CASES, "exclude-cases": [], "exclude-agent-cases": {}}))
    # Only a folder that is a site's has its namespace packages found.
    start = "import site; site.addsitedir(%r); " % str(HERE / ".cache/autobahn") + "from autobahntestsuite.wstest import run; import sys; sys.argv = ['wstest', '-m', 'fuzzingclient', '-s', %r]; run()" % str(spec)
    done = subprocess.run([python, "-c", start], capture_output=True, text=True, timeout=1500, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    index = json.loads((folder / "reports/index.json").read_text())
    # NON-STRICT is about whether an echo or a Close was first on the wire; who ends TCP within the suite's second is timing too.
    same = {"NON-STRICT": "OK"}
    return {agent: {case: same.get(v["behavior"], v["behavior"]) for case, v in cases.items()} for agent, cases in index.items()}


def test_every_case_is_the_same_through_the_gateway(fuzzer, echo, example, seed_with, tmp_path):
    manifests.replace(example / "route.yaml", "  hostnames:\n    - home-assistant.ironstone.casa\n", "")
    manifests.write(example / "slices.yaml", manifests.endpoints("home-assistant", echo))
    raw = seed_with(resolve=False)
    both = verdicts(fuzzer, tmp_path, {"direct": echo, "holdfast": raw.http})
    manifests.write(example / "policy.yaml", POLICY)
    raw.gateway.wait_reload(2)
    again = tmp_path / "policy"
    again.mkdir()
    skimmed = verdicts(fuzzer, again, {"holdfast": raw.http})

    direct = both["direct"]
    assert len(direct) > 200
    # What the server itself is thought to do wrong is little, and is wrong in the same way through the gateway.
    assert sum(behaviour == "FAILED" for behaviour in direct.values()) < 10
    assert {c: (direct[c], v) for c, v in both["holdfast"].items() if v != direct[c]} == {}
    assert {c: (direct[c], v) for c, v in skimmed["holdfast"].items() if v != direct[c]} == {}
