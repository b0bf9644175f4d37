"""200 WebSockets by HTTP/1.1, HTTP/2 and HTTP/3 through one change of each kind, on a real Envoy: how many each kind drops."""
import asyncio
import json
import pathlib

import pytest

from lib import manifests
from lib.backend import Backend
from lib.clients import Http2, WebSocket
from lib.gateway import free_port
from lib.http3 import Http3
from lib.openid import SECRET, Provider

pytestmark = pytest.mark.parametrize("plane", ["envoy"], indirect=True)

TARGET = "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}]"


def policy(kind, spec, group="gateway.envoyproxy.io"):
    return f"apiVersion: {group}/v1alpha1\nkind: {kind}\nmetadata: {{name: drop, namespace: home-automation}}\nspec:\n  {TARGET}\n  {spec}\n"


def kinds(seed, provider, scratch, spare):
    """Name to what writes the change."""
    def write(name, text):
        return lambda: manifests.write(seed.folder / name, text)

    def replaced(name, old, new):
        return lambda: manifests.replace(seed.folder / name, old, new)
    client, backend, gateway, route = "1-client-traffic-policy.yaml", "3-home-assistant.yaml", "gateway.yaml", "route.yaml"
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: idp, namespace: home-automation}}\nstringData: {{client-secret: '{SECRET}'}}\n---\n"
    oidc = f"oidc: {{provider: {{issuer: '{provider.issuer}'}}, clientID: shop, clientSecret: {{name: idp}}}}"
    return {
        "a route added": write("other.yaml", manifests.route("other", spare.port)),
        "a route removed": lambda: (seed.folder / "other.yaml").unlink(),
        "a rule's name": replaced(route, "    - matches:", "    - name: first\n      matches:"),
        "endpoints": write("slices.yaml", manifests.endpoints("home-assistant", seed.backend.port, spare.port)),
        "BackendTrafficPolicy: idle timeout": replaced(backend, "connectionIdleTimeout: 3600s", "connectionIdleTimeout: 3000s"),
        "BackendTrafficPolicy: circuit breaker": replaced(backend, "maxConnections: 1024", "maxConnections: 1000"),
        "BackendTrafficPolicy: rate limit, fault, compression": write("btp.yaml", policy(
            "BackendTrafficPolicy", "rateLimit: {local: {rules: [{limit: {requests: 1000, unit: Second}}]}}\n  faultInjection: {abort: {httpStatus: 503, percentage: 1}}")),
        "SecurityPolicy: OIDC": write("sp.yaml", secret + policy("SecurityPolicy", oidc)),
        "SecurityPolicy: rules by address": write("sp.yaml", secret + policy("SecurityPolicy", "authorization: {defaultAction: Deny}")),
        "SecurityPolicy: CORS": write("sp.yaml", secret + policy("SecurityPolicy", "cors: {allowOrigins: ['https://a.test']}")),
        "EnvoyExtensionPolicy: Lua": write("lua.yaml", policy(
            "EnvoyExtensionPolicy", 'lua: [{type: Inline, inline: "function envoy_on_request(handle) end"}]')),
        "StreamPolicy: allowedOrigins, lifetime": write("stream.yaml", policy(
            "StreamPolicy", "allowedOrigins: ['https://a.test']\n  maxLifetime: 12h", "holdfast.dev")),
        "a certificate": write("secret.yaml", manifests.secret("home-assistant-tls", [seed.host], scratch)),
        "a listener on a port of its own": replaced(
            gateway, "    - name: http\n", f"    - name: more\n      protocol: HTTP\n      port: {free_port()}\n    - name: http\n"),
        "a listener on the same port": replaced(
            gateway, "    - name: http\n",
            "    - name: also\n      protocol: HTTPS\n      port: 443\n      hostname: also.example.test\n      tls: {certificateRefs: [{name: home-assistant-tls}]}\n    - name: http\n"),
        "ClientTrafficPolicy: late headers, health check": replaced(
            client, "  tls:\n", "  headers: {lateResponseHeaders: {set: [{name: x-a, value: b}]}}\n  healthCheck: {path: /healthz}\n  tls:\n"),
        "ClientTrafficPolicy: HTTP/3 off": replaced(client, "  http3: {}\n", ""),
        "ClientTrafficPolicy: HTTP/3 on again": replaced(client, "  tls:\n", "  http3: {}\n  tls:\n"),
    }


def draining(gateway):
    """What Envoy has put away and will cut the streams of when its drain time, ten minutes, is over."""
    return sum(gateway.envoy_stat(f"listener_manager.{what}") for what in ("total_listeners_draining", "total_filter_chains_draining"))


def test_no_kind_of_change_but_a_clients_settings_drops_a_stream(seed_with, backend, go, tmp_path):
    spare, provider = Backend("spare"), Provider()
    manifests.write(seed_with.folder / "slices.yaml", manifests.endpoints("home-assistant", backend.port))
    manifests.replace(seed_with.folder / "1-client-traffic-policy.yaml", "  tls:\n", "  http3: {}\n  tls:\n")
    seed = seed_with(resolve=False)
    counts = {}

    async def alive(socket):
        try:
            await socket.echo("still here", 10)
            return True
        except Exception:  # however it has ended
            return False

    async def talk():
        sockets = {"h1": [await WebSocket.connect(seed.http, seed.host) for _ in range(50)],
                   "h1 tls": [await WebSocket.connect(seed.https, seed.host, tls=True) for _ in range(50)]}
        h2, h3 = await Http2.connect(seed.https, seed.host), await Http3(seed.host).connect(seed.https)
        sockets["h2"] = [await h2.websocket() for _ in range(50)]
        sockets["h3"] = [await h3.socket() for _ in range(50)]
        assert {s.status for of in sockets.values() for s in of} == {101, 200}
        for number, (kind, change) in enumerate(kinds(seed, provider, tmp_path, spare).items(), 2):
            warned, put_away = seed.gateway.text().count("this change makes Envoy"), draining(seed.gateway)
            change()
            await asyncio.to_thread(seed.gateway.wait_reload, number, 30)
            alive_now = {by: await asyncio.gather(*(alive(s) for s in of)) for by, of in sockets.items()}
            counts[kind] = {
                "dropped": {by: of.count(False) for by, of in alive_now.items() if not all(of)},
                "draining": draining(seed.gateway) - put_away,
                "foretold": seed.gateway.text().count("this change makes Envoy") - warned}
        await h3.close()
    go(talk())
    (pathlib.Path(__file__).parent / ".cache" / "drops.json").write_text(json.dumps(counts, indent=1))
    reloads = seed.gateway.reloads()
    assert all(r["applied"] for r in reloads), reloads
    # What Envoy puts away is what was foretold, and it is the UDP listener that goes; by TCP every stream lives on.
    cut = "ClientTrafficPolicy: HTTP/3 off"
    assert {kind for kind, n in counts.items() if n["foretold"]} == {kind for kind, n in counts.items() if n["draining"]} == {cut}, counts
    assert {kind: n["dropped"] for kind, n in counts.items() if n["dropped"] and kind not in (cut, "ClientTrafficPolicy: HTTP/3 on again")} == {}, counts
    assert not any(by != "h3" for n in counts.values() for by in n["dropped"]), counts
    provider.stop()
    spare.stop()
