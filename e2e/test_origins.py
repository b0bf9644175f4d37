"""A WebSocket is opened by pages of its own host and of those that the policy names, on both planes."""
import pytest

from lib import manifests
from lib.clients import WebSocket
from lib.gateway import BOTH_PLANES

pytestmark = BOTH_PLANES

POLICY = """apiVersion: holdfast.dev/v1alpha1
kind: StreamPolicy
metadata: {name: streams, namespace: home-automation}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: envoy}]
  allowedOrigins: ["https://*.friend.test", "https://app.test:8443"]
"""


@pytest.fixture
def seed(seed_with):
    manifests.write(seed_with.folder / "9-streams.yaml", POLICY)
    return seed_with()


def test_pages_of_others_are_refused(seed, go):
    own, ported = seed.host, f"{seed.host}:{seed.https}"
    cases = [
        (own, None, 101), (own, f"https://{own}", 101), (own, "https://a.friend.test", 101), (own, "https://app.test:8443", 101),
        (own, "https://app.test", 403), (own, "https://friend.test", 403), (own, "null", 403), (own, f"https://evil-{own}", 403),
        (own, f"https://{own}.evil.test", 403), (own, f"https://{own}:8443", 403), (own, "https://a.friend.test.evil.test", 403),
        (ported, f"https://{ported}", 101), (ported, f"https://{own}", 403),
    ]

    async def talk():
        for authority, origin, status in cases:
            ws = await WebSocket.connect(seed.https, seed.host, tls=True, authority=authority, headers=f"origin: {origin}\r\n" if origin else "")
            assert ws.status == status, (authority, origin, ws.head)
            if status == 403:
                assert "x-holdfast-reason: origin_not_allowed" in ws.head.lower(), ws.head
            else:
                await ws.echo("hello")
            ws.writer.close()
    go(talk())
