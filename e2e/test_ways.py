"""WebSockets from both versions of HTTP, with TLS and without, to backends of each sort: in the clear, behind TLS, at a Unix socket."""
import asyncio
import ssl

import pytest

from lib import frames, manifests
from lib.clients import Http2, WebSocket
from lib.gateway import BOTH_PLANES, Gateway, offset_for

pytestmark = BOTH_PLANES

HOST = "app.example.test"


def manifest(endpoint, protocols, ca):
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: app}}
spec:
  gatewayClassName: holdfast
  listeners:
    - {{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: cert}}]}}}}
    - {{name: http, port: 80, protocol: HTTP}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: web, namespace: app}}
spec:
  parentRefs: [{{name: gw}}]
  rules: [{{backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: app}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: app, namespace: app}}
spec: {{appProtocols: [{protocols}], endpoints: [{endpoint}]}}
""" + (f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: app, namespace: app}}
spec:
  targetRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: app}}]
  validation: {{hostname: {HOST}, caCertificateRefs: [{{group: '', kind: ConfigMap, name: ca}}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: ca, namespace: app}}
data:
  ca.crt: |
""" + "".join("    " + line + "\n" for line in ca.splitlines()) if ca else "")


@pytest.fixture(params=["ws", "wss", "unix"])
def site(request, tmp_path, backend, plane):
    """The gateway before the test's backend, reached as the parameter says."""
    folder = tmp_path / "m"
    folder.mkdir()
    endpoint, protocols, ca = f"{{ip: {{address: 127.0.0.1, port: {backend.port}}}}}", "gateway.envoyproxy.io/ws", ""
    if request.param == "wss":
        manifests.secret("unused", [HOST], tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        endpoint = f"{{ip: {{address: 127.0.0.1, port: {backend.also(lambda serve: asyncio.start_server(serve, '127.0.0.1', 0, ssl=context)).getsockname()[1]}}}}}"
        protocols, ca = "gateway.envoyproxy.io/wss", (tmp_path / "c.pem").read_text()
    elif request.param == "unix":
        path = tmp_path / "app.sock"
        backend.also(lambda serve: asyncio.start_unix_server(serve, path))
        endpoint = f"{{unix: {{path: {path}}}}}"
    (folder / "m.yaml").write_text(manifest(endpoint, protocols, ca))
    offset = offset_for(443, 80)
    with Gateway("-f", folder, "--port-offset", offset, "--dev-tls", plane=plane) as gateway:
        gateway.ready()
        yield 443 + offset, 80 + offset


def test_each_way_in_reaches_each_sort_of_backend(site, go, backend):
    async def talk():
        for port, tls in zip(site, (True, False)):
            h2 = await Http2.connect(port, HOST, tls=tls)
            sockets = [await h2.websocket(), await WebSocket.connect(port, HOST, tls=tls)]
            assert [s.status for s in sockets] == [200, 101]
            for s in sockets:
                await s.echo("x" * 100_000)
            status, _, body = await h2.get("/page")
            assert (status, body) == (200, b"app /page")
            for s in sockets:
                await s.echo("after the page")
                s.raw(frames.frame(frames.CLOSE, b"\x03\xe8", mask=True))
            while [s.closed for s in sockets] != [1000, 1000]:
                await asyncio.sleep(0.02)
            await h2.aclose()
    go(talk())
    assert sum("upgrade: websocket" in h.lower() for h in backend.heads) == 4
