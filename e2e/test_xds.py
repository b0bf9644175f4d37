"""The second plane: a real Envoy, driven by xDS. Same page, same WebSocket, and what each kind of change cuts."""
import asyncio
import json
import pathlib
import subprocess

import pytest

from conftest import need_envoy
from lib import manifests
from lib.backend import Backend
from lib.clients import Http2, WebSocket, page
from lib.gateway import free_port, wait
from lib.xds import ControlPlane, Envoy, envoy_binary

HOST = manifests.HOST
STREAMS = 200


@pytest.fixture(autouse=True)
def envoy():
    need_envoy()


def certificate(folder):
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7", "-keyout", folder / "tls.key",
         "-out", folder / "tls.crt", "-subj", "/CN=e2e", "-addext", f"subjectAltName=DNS:{HOST}"], check=True, capture_output=True)


class World:
    def __init__(self, tmp_path, backend, sotw=False):
        self.folder = tmp_path
        self.certificates = tmp_path / "certificates"
        certificate(self.certificates)
        self.backend = backend
        self.http, self.https = free_port(), free_port()
        self.plane = ControlPlane(self.http, self.https, backend.port, self.certificates)
        self.envoys = []
        self.envoy = self.start(sotw)

    def start(self, sotw=False, node="e2e"):
        made = Envoy(self.folder, self.plane.port, sotw=sotw, node=node)
        self.envoys.append(made)
        return made.listening()

    def stop(self):
        for envoy in self.envoys:
            envoy.stop()
        self.plane.stop()


@pytest.fixture
def world(tmp_path, backend):
    made = World(tmp_path, backend)
    yield made
    made.stop()


def test_every_resource_passes_envoys_own_validation(world, tmp_path):
    for line in ("add-route", f"add-listener {free_port()}", "add-listener-same-port"):
        world.plane.say(line)
    for what in ("validate", "validate-all"):
        assert world.plane.say(f"{what} {tmp_path}/static.pb") == "ok"
        done = subprocess.run([envoy_binary(), "--mode", "validate", "-c", f"{tmp_path}/static.pb"], capture_output=True, text=True)
        assert done.returncode == 0 and "OK" in done.stdout, done.stderr


@pytest.mark.parametrize("form", ["delta", "state-of-the-world"])
def test_pages_and_websockets_by_both_versions_of_http(tmp_path, backend, go, form):
    world = World(tmp_path, backend, sotw=form != "delta")
    try:
        assert page(world.http)[0] == 200
        assert form in world.plane.say("nodes")

        async def talk():
            h1 = await WebSocket.connect(world.http, HOST)
            tls = await WebSocket.connect(world.https, HOST, tls=True)
            h2 = await Http2.connect(world.https, HOST)
            assert h2.connect_protocol == 1
            assert (await h2.get("/"))[0] == 200
            bridged = await h2.websocket()
            assert (h1.status, tls.status, bridged.status) == (101, 101, 200)
            for socket in (h1, tls, bridged):
                await socket.echo("hello")
            events = h2.request("GET", "/events", [("accept", "text/event-stream")])
            assert (await asyncio.wait_for(events.headers, 10))[":status"] == "200"
        go(talk())
        keys = [h for h in backend.heads if "sec-websocket-key" in h.lower()]
        assert len(keys) == 3 and all("HTTP/1.1" in h.split("\r\n")[0] for h in backend.heads)
        assert world.plane.say("problems") == "[]"
    finally:
        world.stop()


def test_failures_have_the_reasons_of_the_embedded_plane(world, go):
    status, headers, body = page(world.http, host="nobody.example.test")
    assert (status, headers["x-holdfast-reason"], body) == (404, "no_route", b"no_route\n")
    world.plane.say(f"endpoints 127.0.0.1:{free_port()}")
    wait(lambda: page(world.http)[1].get("x-holdfast-reason") == "connect_refused")
    world.plane.say("endpoints")
    wait(lambda: page(world.http)[1].get("x-holdfast-reason") == "no_endpoints")
    assert page(world.http)[1]["retry-after"] == "5"


def test_a_refused_change_is_a_problem_at_its_line_and_the_rest_serves_on(world):
    world.plane.say("bad-route on")
    wait(lambda: "ENVOY_REFUSED" in world.plane.say("problems"), 10, lambda: "\n".join(world.plane.err))
    told = world.plane.say("problems")
    assert "route.yaml" in told and "a/bad" not in page(world.http)[2].decode()
    assert page(world.http)[0] == 200 and "refused" in world.plane.say("nodes")
    refusals = [line for line in world.plane.err if "has refused" in line]
    assert len(refusals) == 1, refusals
    world.plane.say("bad-route off")
    wait(lambda: world.plane.say("problems") == "[]")


def test_envoy_serves_on_without_us_and_takes_what_is_new_afterwards(world, go):
    port = world.plane.port

    async def talk():
        socket = await WebSocket.connect(world.http, HOST)
        world.plane.kill()
        await socket.echo("alone")
        assert page(world.http)[0] == 200
        updates = world.envoy.stat("listener_manager.listener_create_success") + world.envoy.stat("listener_manager.listener_modified")
        world.plane = ControlPlane(world.http, world.https, world.backend.port, world.certificates, port, "no plan yet")
        wait(lambda: "e2e" in world.plane.say("nodes"), 60, lambda: repr((world.plane.say("nodes"), world.plane.err[-5:], [(k, world.envoy.stat(k)) for k in ("control_plane.connected_state", "cluster.xds_cluster.upstream_cx_connect_fail", "cluster.holdfast.upstream_cx_total")])))
        assert page(world.http)[0] == 200
        world.plane.say("add-route")
        wait(lambda: page(world.http, "other.example.test")[0] == 200)
        await socket.echo("together")
        assert world.envoy.stat("listener_manager.listener_create_success") + world.envoy.stat("listener_manager.listener_modified") == updates
    go(talk())


def test_several_envoys_are_driven_at_once(world):
    second = world.start(node="second")
    # Both bind the ports with SO_REUSEPORT.
    wait(lambda: world.plane.say("nodes").count("id=") == 2)
    world.plane.say("add-route")
    for envoy in (world.envoy, second):
        envoy.until(lambda e: "other.example.test" in e.get("/config_dump?resource=dynamic_route_configs"))


async def open_streams(world):
    sockets = {"h1": [], "h1 tls": [], "h2": []}
    for _ in range(STREAMS // 4):
        sockets["h1"].append(await WebSocket.connect(world.http, HOST))
        sockets["h1 tls"].append(await WebSocket.connect(world.https, HOST, tls=True))
    for _ in range(2):
        h2 = await Http2.connect(world.https, HOST)
        for _ in range(STREAMS // 4):
            sockets["h2"].append(await h2.websocket())
    assert {s.status for of in sockets.values() for s in of} == {101, 200}
    return sockets


async def dropped(sockets):
    async def one(socket):
        try:
            await socket.echo("still here", 5)
            return 0
        except Exception:
            return 1
    return {kind: sum(await asyncio.gather(*(one(s) for s in of))) for kind, of in sockets.items()}


NOTHING = {"h1": 0, "h1 tls": 0, "h2": 0}


def test_200_streams_live_through_every_change_that_envoy_can_make_without_cutting(world, go):
    spare = Backend("spare")
    more = free_port()

    def rotated():
        certificate(world.certificates)
        return world.plane.say("certificate")
    say = world.plane.say
    kinds = {
        "route added": lambda: say("add-route"),
        "route removed": lambda: say("remove-route"),
        "request timeout": lambda: say("timeout 45"),
        "circuit breaker": lambda: say("breaker 1000"),
        "stream idle timeout": lambda: say("stream-idle 600"),
        "certificate rotated": rotated,
        "endpoint added": lambda: say(f"endpoints 127.0.0.1:{world.backend.port} 127.0.0.1:{spare.port}"),
        "endpoint replaced": lambda: say(f"endpoints 127.0.0.1:{spare.port}"),
        "endpoint back": lambda: say(f"endpoints 127.0.0.1:{world.backend.port}"),
        "HTTP listener on a new port": lambda: say(f"add-listener {more}"),
        "that listener removed": lambda: say("remove-listener"),
        "HTTPS listener on the same port": lambda: say("add-listener-same-port"),
        "that listener removed too": lambda: say("remove-listener"),
    }
    numbers = {}

    async def talk():
        sockets = await open_streams(world)
        for kind, change in kinds.items():
            before = world.envoy.updates()
            told = await asyncio.to_thread(change)
            await asyncio.to_thread(wait, lambda: world.envoy.updates() > before, 10, lambda: kind)
            await asyncio.sleep(4)
            numbers[kind] = {**await dropped(sockets), "foretold": told}
    go(talk())
    (pathlib.Path(__file__).parent / ".cache").mkdir(exist_ok=True)
    (pathlib.Path(__file__).parent / ".cache" / "xds-drops.json").write_text(json.dumps(numbers, indent=1))
    assert {kind: {k: n[k] for k in NOTHING} for kind, n in numbers.items()} == {kind: NOTHING for kind in kinds}, numbers
    assert world.plane.say("problems") == "[]"
    spare.stop()


@pytest.mark.parametrize("change,lost", [
    ("headers-timeout 30", {"h1": 50, "h1 tls": 50, "h2": 100}),
    ("alpn h2,http/1.1", {"h1": 0, "h1 tls": 50, "h2": 100}),
])
def test_what_envoy_must_cut_is_foretold(world, go, change, lost):
    async def talk():
        sockets = await open_streams(world)
        told = await asyncio.to_thread(world.plane.say, change)
        chains = [name for name in ("port-%d" % world.http, "home-automation/envoy/https") if f"filterChain={name}" in told]
        await asyncio.sleep(6)
        assert await dropped(sockets) == lost, told
        assert len(chains) == len([n for n in (lost["h1"], lost["h1 tls"]) if n])
    go(talk())
