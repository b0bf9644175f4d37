"""A change never cuts a stream it does not concern: 200 streams through 50 changes of every kind, on both planes."""
import asyncio
import collections
import ssl

from lib import manifests
from lib.backend import Backend
from lib.clients import Call, Events, Http2, WebSocket
from lib.echo import grpc_server
from lib.gateway import BOTH_PLANES, free_port, wait

pytestmark = BOTH_PLANES

GRPC = """apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: echo, namespace: home-automation}
spec:
  parentRefs: [{name: envoy, sectionName: http}]
  hostnames: [echo.example.test]
  rules: [{backendRefs: [{name: echo, port: 50051}]}]
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: home-automation}
spec:
  ports: [{name: grpc, port: 50051}]
---
"""
DENY = """apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: deny, namespace: home-automation}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}]
  authorization: {defaultAction: Deny}
"""
STREAMS = 200
CHANGES = 50


def listening(*ports):
    """The sockets that listen at the ports, by their inodes (proc(5)): a listener built anew has others."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for cells in (line.split() for line in lines):
                if cells[3] == "0A" and int(cells[1].rsplit(":", 1)[1], 16) in ports:
                    found.add(cells[9])
    return found


def changes(seed, folder, spare, scratch):
    """Each yields after it has written one change."""
    def rewrite(name, text):
        manifests.write(folder / name, text)

    kinds = [
        lambda i: rewrite("other.yaml", manifests.route(f"other{i}", spare.port)),
        lambda i: (folder / "other.yaml").unlink(),
        lambda i: manifests.replace(folder / "3-home-assistant.yaml", "connectionIdleTimeout: " + state["idle"], "connectionIdleTimeout: " + turn("idle", f"{3000 + i}s")),
        lambda i: manifests.replace(folder / "3-home-assistant.yaml", "maxConnections: " + state["max"], "maxConnections: " + turn("max", str(1000 + i))),
        lambda i: rewrite("secret.yaml", manifests.secret("home-assistant-tls", [seed.host], scratch)),
        lambda i: manifests.replace(folder / "gateway.yaml", "    - name: http\n", f"    - name: more\n      protocol: HTTP\n      port: {spare_port}\n    - name: http\n"),
        lambda i: manifests.replace(folder / "gateway.yaml", f"    - name: more\n      protocol: HTTP\n      port: {spare_port}\n", ""),
        lambda i: manifests.replace(folder / "gateway.yaml", "    - name: http\n", "    - name: also\n      protocol: HTTPS\n      port: 443\n      hostname: also.example.test\n      tls: {certificateRefs: [{name: home-assistant-tls}]}\n    - name: http\n"),
        lambda i: manifests.replace(folder / "gateway.yaml", "    - name: also\n      protocol: HTTPS\n      port: 443\n      hostname: also.example.test\n      tls: {certificateRefs: [{name: home-assistant-tls}]}\n", ""),
        lambda i: manifests.replace(folder / "route.yaml", "    - matches:", f"    - name: rule{i}\n      matches:"),
        lambda i: manifests.replace(folder / "route.yaml", f"    - name: rule{i - 1}\n      matches:", "    - matches:"),
        lambda i: rewrite("slices.yaml", manifests.endpoints("home-assistant", seed.backend.port, spare.port)),
        lambda i: rewrite("slices.yaml", manifests.endpoints("home-assistant", seed.backend.port)),
    ]
    spare_port = free_port()
    if seed.plane == "embedded":  # Envoy makes its connections anew where a client's settings change: docs/planes.md
        client = "1-client-traffic-policy.yaml"
        kinds += [
            lambda i: manifests.replace(folder / client, "  tls:\n", f"  timeout: {{http: {{idleTimeout: {i}m}}}}\n  connection: {{bufferLimit: 64Ki}}\n  tls:\n"),
            lambda i: manifests.replace(folder / client, f"  timeout: {{http: {{idleTimeout: {i - 1}m}}}}\n  connection: {{bufferLimit: 64Ki}}\n", ""),
            # Who is there stays, though the endpoint is not listed any more, the breaker has room for one, and nobody may come in.
            lambda i: rewrite("slices.yaml", manifests.endpoints("home-assistant", spare.port)),
            lambda i: manifests.replace(folder / "3-home-assistant.yaml", "maxParallelRequests: 1024", "maxParallelRequests: 1"),
            lambda i: rewrite("deny.yaml", DENY),
            lambda i: (folder / "deny.yaml").unlink(),
            lambda i: manifests.replace(folder / "3-home-assistant.yaml", "maxParallelRequests: 1\n", "maxParallelRequests: 1024\n"),
            lambda i: rewrite("slices.yaml", manifests.endpoints("home-assistant", seed.backend.port)),
        ]
    state = {"idle": "3600s", "max": "1024"}

    def turn(key, value):
        state[key] = value
        return value

    done = 0
    while done < CHANGES:
        kinds[done % len(kinds)](done)
        done += 1
        yield done


def test_200_streams_live_through_50_changes(seed_with, backend, go, tmp_path):
    spare = Backend("spare")
    manifests.write(seed_with.folder / "slices.yaml", manifests.endpoints("home-assistant", backend.port))
    service, service_port = grpc_server()
    manifests.write(seed_with.folder / "grpc.yaml", GRPC + manifests.endpoints("echo", service_port))
    seed = seed_with(resolve=False)

    async def talk():
        sockets, connections = [], []
        sockets_listening = listening(seed.http, seed.https)
        assert sockets_listening
        for i in range(70):
            sockets.append(await WebSocket.connect(seed.http, seed.host))
        for i in range(40):
            sockets.append(await WebSocket.connect(seed.https, seed.host, tls=True))
        for _ in range(2):
            h2 = await Http2.connect(seed.https, seed.host)
            connections.append(h2)
            for i in range(20):
                sockets.append(await h2.websocket())
        for i in range(40):
            sockets.append(await Events.connect(seed.http, seed.host))
        for i in range(10):
            sockets.append(await Call.connect(seed.http, "echo.example.test"))
        assert len(sockets) == STREAMS and {s.status for s in sockets} <= {101, 200}
        await asyncio.to_thread(wait, lambda: seed.gateway.streams_open() == STREAMS, 10, seed.gateway.streams_open)
        if seed.plane == "embedded":
            kinds = collections.Counter(s["kind"] for s in seed.gateway.json("/api/streams"))
            assert kinds == {"websocket": 150, "sse": 40, "grpc": 10}
        for n in changes(seed, seed.folder, spare, tmp_path):
            await asyncio.to_thread(seed.gateway.wait_reload, n + 1)
            await asyncio.gather(*(s.echo(f"after {n}") for s in sockets))
        assert [c.goaway for c in connections] == [None, None]
        assert listening(seed.http, seed.https) == sockets_listening
        return sockets

    async def all_of_it():
        sockets = await talk()
        assert [s.closed for s in sockets if s.closed is not None] == []
        # Who comes now is shown the certificate written last, as nobody before.
        shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", seed.https))
        assert shown.strip() == (tmp_path / "c.pem").read_text().strip()
        return len(sockets)

    assert go(all_of_it()) == STREAMS
    reloads = seed.gateway.reloads()
    assert [r["applied"] for r in reloads] == [True] * (CHANGES + 1), reloads
    assert sum(r["drainedStreams"] for r in reloads) == 0
    spare.stop()
    service.stop(0)


def test_a_removed_route_says_goodbye_and_others_stay(seed, go):
    spare = Backend("spare")
    manifests.write(seed.folder / "other.yaml", manifests.route("other", spare.port))
    seed.gateway.wait_reload(2)

    async def talk():
        stays = [await WebSocket.connect(seed.http, seed.host) for _ in range(10)]
        goes = [await WebSocket.connect(seed.http, "other.example.test") for _ in range(10)]
        (seed.folder / "other.yaml").unlink()
        if seed.plane == "envoy":  # docs/planes.md: it asks for a route once, when the stream opens
            await asyncio.to_thread(seed.gateway.wait_reload, 3)
            stays += goes
        else:
            await asyncio.to_thread(wait, lambda: all(s.closed for s in goes), 20)
            assert [s.closed for s in goes] == [1001] * 10
        for s in stays:
            await s.echo("still here")
    go(talk())
    assert spare.closes == ([] if seed.plane == "envoy" else [1001] * 10)
    spare.stop()


def test_a_removed_listener_drains_its_own_streams_only(seed, go):
    async def talk():
        plain = await WebSocket.connect(seed.http, seed.host)
        tls = await WebSocket.connect(seed.https, seed.host, tls=True)
        await asyncio.to_thread(wait, lambda: seed.gateway.streams_open() == 2)
        manifests.replace(seed.folder / "gateway.yaml", "    - name: http\n      protocol: HTTP\n      port: 80\n", "")
        if seed.plane == "envoy":  # docs/planes.md: within ten minutes, and without a Close
            await asyncio.to_thread(seed.gateway.wait_reload, 2)
            assert f"remove the whole of port-{seed.http}" in seed.gateway.text() and "at most 2 streams open" in seed.gateway.text()
            await plain.echo("still here")
        else:
            await asyncio.to_thread(wait, lambda: plain.closed, 20)
            assert plain.closed == 1001
        await tls.echo("still here")
    go(talk())
