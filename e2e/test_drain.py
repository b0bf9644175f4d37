"""SIGTERM says goodbye to every stream in its own language; a second one ends at once."""
import asyncio
import signal

from lib.clients import Http2, WebSocket


def test_sigterm_closes_each_stream_with_1001(seed, go):
    async def talk():
        h1 = [await WebSocket.connect(seed.http, seed.host) for _ in range(20)]
        tls = [await WebSocket.connect(seed.https, seed.host, tls=True) for _ in range(20)]
        h2 = await Http2.connect(seed.https, seed.host)
        bridged = [await h2.websocket() for _ in range(20)]
        for s in h1 + tls + bridged:
            await s.echo("hi")
        seed.gateway.signal(signal.SIGTERM)
        for _ in range(800):
            if all(s.closed for s in h1 + tls + bridged):
                break
            await asyncio.sleep(0.05)
        assert {s.closed for s in h1 + tls + bridged} == {1001}
    go(talk())
    assert seed.gateway.ended() == 0
    assert set(seed.backend.closes) == {1001} and len(seed.backend.closes) == 60


def test_a_second_signal_ends_at_once(seed, go):
    async def talk():
        ws = await WebSocket.connect(seed.http, seed.host)
        # A client that answers no Close would hold the drain open until its deadline.
        ws._take = lambda *a: None
        seed.gateway.signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        seed.gateway.signal(signal.SIGTERM)
        for _ in range(100):
            if seed.gateway.process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        assert seed.gateway.process.poll() is not None
    go(talk())
