"""How many streams a StreamPolicy lets be open at once, where both planes can count them: the next is told so at once, and one that ends makes room."""
import asyncio

import pytest

from lib import manifests
from lib.clients import Events, Http2, WebSocket, page
from lib.gateway import BOTH_PLANES

pytestmark = BOTH_PLANES

POLICY = """apiVersion: holdfast.dev/v1alpha1
kind: StreamPolicy
metadata: {name: streams, namespace: home-automation}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}]
  limits: {WHAT: 3}
"""


@pytest.mark.parametrize("what", ["perCluster", "perRoute"])
def test_the_fourth_of_three_is_refused(seed_with, go, what):
    manifests.write(seed_with.folder / "9-streams.yaml", POLICY.replace("WHAT", what))
    seed = seed_with()

    async def talk():
        sockets = [await WebSocket.connect(seed.http, seed.host), await WebSocket.connect(seed.https, seed.host, tls=True)]
        h2 = await Http2.connect(seed.https, seed.host)
        sockets.append(await h2.websocket())
        for socket in sockets:
            await socket.echo("hello")
        refused = await asyncio.wait_for(WebSocket.connect(seed.http, seed.host), 10)
        assert refused.status == 503, refused.head
        assert "x-holdfast-reason: stream_limit" in refused.head.lower() and "retry-after:" in refused.head.lower(), refused.head
        assert (await h2.get("/"))[0] == 200 and page(seed.http, seed.host)[0] == 200
        for socket in sockets:
            await socket.echo("still here")
        await sockets[0].aclose()
        for _ in range(100):
            again = await WebSocket.connect(seed.http, seed.host)
            if again.status == 101:
                break
            again.writer.close()
            await asyncio.sleep(0.1)
        await again.echo("room")
    go(talk())
    assert [p for p in seed.gateway.json("/api/problems") if "StreamPolicy" in p["message"]] == []


def test_events_are_counted_and_refused_as_websockets_are(seed_with, go):
    manifests.write(seed_with.folder / "9-streams.yaml", POLICY.replace("WHAT", "perCluster"))
    seed = seed_with()

    async def talk():
        streams = [await Events.connect(seed.http, seed.host), await Events.connect(seed.http, seed.host), await WebSocket.connect(seed.http, seed.host)]
        for stream in streams:
            await stream.echo("hello")
        for kind in (Events, WebSocket):
            refused = await asyncio.wait_for(kind.connect(seed.http, seed.host), 10)
            assert refused.status == 503, refused.head
            assert "x-holdfast-reason: stream_limit" in refused.head.lower() and "retry-after:" in refused.head.lower(), refused.head
        assert page(seed.http, seed.host)[0] == 200
        for stream in streams:
            await stream.echo("still here")
    go(talk())
