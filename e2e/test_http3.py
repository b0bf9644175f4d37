"""HTTP/3 by clients that are not of our library: aioquic, and Chromium."""
import asyncio
import base64
import hashlib
import ssl

import pytest

from lib import frames, manifests
from lib.gateway import BOTH_PLANES, wait
from lib.http3 import Http3

pytestmark = BOTH_PLANES

PROTOCOL = "() => performance.getEntriesByType('navigation')[0].nextHopProtocol"
SOCKET = """url => new Promise((done, fail) => {
  window.socket = new WebSocket(url);
  socket.onopen = () => socket.send('hello');
  socket.onmessage = m => done(m.data);
  socket.onerror = () => fail(new Error('WebSocket failed'));
  setTimeout(() => fail(new Error('timeout')), 20000);
})"""


@pytest.fixture
def seed3(seed_with):
    file = seed_with.folder / "1-client-traffic-policy.yaml"
    manifests.write(file, file.read_text() + "  http3: {}\n")
    return seed_with()


def test_aioquic_has_pages_and_a_websocket_that_outlives_changes_and_is_told_goodbye(seed3, go):
    async def talk():
        client = await Http3(seed3.host).connect(seed3.https)
        for i in range(1, 6):
            status, head, body = await client.get(f"/asset/{i}.js".encode())
            assert status == 200 and body, head
            assert head[b"alt-svc"] == b'h3=":443"; ma=86400'
        socket = await client.websocket()
        streams = seed3.gateway.json("/api/streams")
        if seed3.plane == "embedded":  # Envoy reports counts only
            assert [(s["kind"], s["downstreamProtocol"], s["upstreamProtocol"]) for s in streams] == [("websocket", "h3", "http/1.1")]
        await asyncio.to_thread(wait, lambda: seed3.gateway.streams_open() == 1, 20, seed3.gateway.text)
        for i in range(3):
            client.send(socket, frames.frame(frames.TEXT, f"hello {i}".encode(), mask=True))
            assert await client.frame(socket) == (0x81, f"hello {i}".encode())
            count = len(seed3.gateway.reloads())
            manifests.write(seed3.folder / f"more-{i}.yaml", manifests.route(f"more-{i}", 80))
            await asyncio.to_thread(seed3.gateway.wait_reload, count + 1)
        if seed3.plane == "envoy":
            await client.close()  # it has no Close frame for a goodbye
            return
        seed3.gateway.signal()
        first, payload = await client.frame(socket)
        assert (first, payload[:2]) == (0x88, (1001).to_bytes(2, "big"))
        await client.close()
    go(talk())


def test_chromium_comes_by_http3(seed3, chromium, tmp_path):
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from playwright.sync_api import sync_playwright
    pem = ssl.get_server_certificate(("127.0.0.1", seed3.https))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=chromium, headless=True,
            args=["--no-sandbox", "--disable-gpu", "--enable-quic", f"--origin-to-force-quic-on={seed3.host}:{seed3.https}",
                  f"--ignore-certificate-errors-spki-list={pin}", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", f"--host-resolver-rules=MAP {seed3.host} 127.0.0.1"])
        page = context.new_page()
        page.goto(f"https://{seed3.host}:{seed3.https}/")
        assert page.evaluate(PROTOCOL) == "h3"
        assert page.evaluate(SOCKET, f"wss://{seed3.host}:{seed3.https}/api/websocket") == "hello"
        context.close()
