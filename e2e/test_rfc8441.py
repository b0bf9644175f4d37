"""WebSocket by extended CONNECT, from the h2 library, to a backend that knows HTTP/1.1 only."""
import asyncio

from lib.clients import Http2
from lib.gateway import BOTH_PLANES

pytestmark = BOTH_PLANES


def test_it_is_advertised_and_echoes_beside_pages(seed, go):
    async def talk():
        h2 = await Http2.connect(seed.https, seed.host)
        assert h2.connect_protocol == 1
        sockets = [await h2.websocket() for _ in range(5)]
        assert [s.status for s in sockets] == [200] * 5
        for i in range(10):
            await asyncio.gather(*(s.echo(f"{i}") for s in sockets), h2.get(f"/asset/{i}.js"))
        big = "x" * 300_000
        await sockets[0].echo(big)
        await h2.aclose()
    go(talk())
    assert sum("upgrade: websocket" in h.lower() for h in seed.backend.heads) == 5
    assert all("sec-websocket-key:" in h.lower() for h in seed.backend.heads if "upgrade: websocket" in h.lower())


def test_with_prior_knowledge_on_the_plain_port(seed, go):
    async def talk():
        h2 = await Http2.connect(seed.http, seed.host, tls=False)
        ws = await h2.websocket()
        await ws.echo("hello")
        await h2.aclose()
    go(talk())


def test_the_seeds_first_curl_by_h2_is_told_why(seed, go):
    """Upgrade headers do not exist in HTTP/2 (RFC 9113 8.2.2): the request is malformed, and only its stream ends."""
    async def talk():
        h2 = await Http2.connect(seed.https, seed.host)
        status, _, body = await h2.get("/api/websocket")
        assert status == 400 and b"UPGRADE" in body
        assert (await h2.get("/"))[0] == 200
        await h2.aclose()
    go(talk())
