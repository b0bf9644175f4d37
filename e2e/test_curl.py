"""The seed's own checks, typed as it types them, on both planes."""
import subprocess

from lib import manifests
from lib.gateway import BOTH_PLANES

pytestmark = BOTH_PLANES

UPGRADE = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]


def curl(seed, *args, path="/api/websocket"):
    url = f"https://{seed.host}:{seed.https}{path}"
    done = subprocess.run(["curl", "-vk", "--max-time", "3", "--resolve", f"{seed.host}:{seed.https}:127.0.0.1", *args, url], capture_output=True)
    return done.stderr.decode("latin-1")


def test_the_upgrade_by_http1_gets_101(seed):
    said = curl(seed, "--http1.1", *UPGRADE)
    assert "ALPN: server accepted http/1.1" in said
    assert "HTTP/1.1 101 Switching Protocols" in said


def test_the_servers_order_decides_without_http1(seed):
    said = curl(seed, *UPGRADE)
    assert "ALPN: server accepted http/1.1" in said
    assert "HTTP/1.1 101 Switching Protocols" in said


def test_a_page_without_upgrade_headers(seed):
    said = curl(seed, path="/")
    assert "ALPN: server accepted http/1.1" in said and "HTTP/1.1 200 OK" in said


def test_with_h2_first_the_page_is_h2(seed_with):
    manifests.replace(seed_with.folder / "1-client-traffic-policy.yaml", "      - http/1.1  # First for WebSocket support\n      - h2        # Fallback for other traffic", "      - h2\n      - http/1.1")
    seed = seed_with()
    said = curl(seed, path="/")
    assert "ALPN: server accepted h2" in said and "HTTP/2 200" in said
    assert "HTTP/1.1 101 Switching Protocols" in curl(seed, "--http1.1", *UPGRADE)


def test_useClientProtocol_costs_an_h2_client_nothing(seed):
    """Envoy as others drive it answers 502 here (the backend is HTTP/1.1 only); we fall back, or have it speak HTTP/1.1."""
    done = subprocess.run(["curl", "-sk", "--http2-prior-knowledge", "--max-time", "5", "--resolve", f"{seed.host}:{seed.http}:127.0.0.1",
                           "-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"http://{seed.host}:{seed.http}/"], capture_output=True, text=True)
    assert done.stdout == "2 200"
