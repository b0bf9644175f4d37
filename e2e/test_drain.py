"""SIGTERM says goodbye to every stream in its own language; a second one ends at once."""
import asyncio
import os
import signal

import pytest

from lib.clients import Http2, WebSocket
from lib.gateway import wait


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


@pytest.mark.parametrize("plane", ["envoy"], indirect=True)
def test_envoy_of_ours_ends_streams_at_the_end_of_the_time_without_a_close(seed_with, go):
    """docs/planes.md: Envoy has no goodbye for what it only relays."""
    seed = seed_with("--drain-timeout", "2s")
    pid = seed.gateway.envoy_pid()

    async def talk():
        h1 = await WebSocket.connect(seed.http, seed.host)
        h2 = await (await Http2.connect(seed.https, seed.host)).websocket()
        seed.gateway.signal(signal.SIGTERM)
        await asyncio.sleep(1)
        await h1.echo("still here")
        await h2.echo("still here")
        await asyncio.to_thread(wait, lambda: h1.closed and h2.closed, 20)
        assert (h1.closed, h2.closed) == ("cut", "cut")
    go(talk())
    assert seed.gateway.ended() == 0
    assert not os.path.exists(f"/proc/{pid}")


@pytest.mark.parametrize("plane", ["envoy"], indirect=True)
def test_a_second_signal_ends_envoy_too(seed_with, go):
    seed = seed_with()
    pid = seed.gateway.envoy_pid()

    async def talk():
        ws = await WebSocket.connect(seed.http, seed.host)
        seed.gateway.signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        seed.gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(wait, lambda: ws.closed and seed.gateway.process.poll() is not None, 20)
    go(talk())
    wait(lambda: not os.path.exists(f"/proc/{pid}"))
