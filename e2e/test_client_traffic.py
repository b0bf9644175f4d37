"""What a ClientTrafficPolicy says of addresses, headers, paths, HTTP/1 and the connection before it, on both planes."""
import json
import re
import socket
import ssl

import pytest

from lib.gateway import BOTH_PLANES, Gateway, offset_for, wait
from lib.telling import Telling

pytestmark = BOTH_PLANES

HOST = "app.example.test"
PROXIED, NAMED, TRUSTED, STRICT, TLS = 80, 81, 82, 83, 443

LISTENERS = "".join(f"    - {{name: l{p}, port: {p}, protocol: HTTP}}\n" for p in (PROXIED, NAMED, TRUSTED)) + f"""\
    - {{name: l{STRICT}, port: {STRICT}, protocol: HTTP, hostname: {HOST}}}
    - {{name: l{TLS}, port: {TLS}, protocol: HTTPS, tls: {{certificateRefs: [{{name: cert}}]}}}}
"""
POLICIES = {
    PROXIED: "proxyProtocol: {optional: true}",
    NAMED: "clientIPDetection: {customHeader: {name: x-real, failClosed: true}}",
    TRUSTED: "clientIPDetection: {xForwardedFor: {trustedCIDRs: [127.0.0.0/8, 10.0.0.0/8]}}\n  headers: {requestID: Generate}",
    STRICT: """headers:
    withUnderscoresAction: RejectRequest
    earlyRequestHeaders: {set: [{name: x-early, value: "100%"}], removeOnMatch: [{type: Prefix, value: x-secret-}]}
    lateResponseHeaders: {add: [{name: x-late, value: "yes"}]}
  path: {escapedSlashesAction: UnescapeAndRedirect}
  http1: {http10: {useDefaultHost: true}}
  healthCheck: {path: /alive}""",
    TLS: """tls: {fingerprints: [JA3, JA4], ciphers: [ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256], maxVersion: "1.2"}
  headers: {earlyRequestHeaders: {set: [{name: x-ja3, value: "%TLS_JA3_FINGERPRINT%"}, {name: x-ja4, value: "%TLS_JA4_FINGERPRINT%"}]}}""",
}


def manifests(port):
    policies = "".join(f"""---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {{name: c{listener}, namespace: app}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: l{listener}}}]
  {spec}
""" for listener, spec in POLICIES.items())
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: app}}
spec:
  gatewayClassName: holdfast
  listeners:
{LISTENERS}---
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
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {port}}}}}]}}
""" + policies


class Site:
    def __init__(self, gateway, offset, backend):
        self.gateway, self.offset, self.backend = gateway, offset, backend

    def ask(self, port, text, tls=False):
        """Status, headers and what the backend was told."""
        with socket.create_connection(("127.0.0.1", port + self.offset), 10) as plain:
            context = ssl._create_unverified_context()
            s = context.wrap_socket(plain, server_hostname=HOST) if tls else plain
            s.sendall(text.replace("\n", "\r\n").encode())
            data = b""
            while True:
                try:
                    part = s.recv(65536)
                except OSError:
                    break
                data += part
                if not part:
                    break
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:]}
        told = json.loads(body) if body.startswith(b"{") else None
        return (int(lines[0].split()[1]) if lines[0] else 0), headers, told


@pytest.fixture
def site(tmp_path, plane):
    backend = Telling()
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "m.yaml").write_text(manifests(backend.port))
    offset = offset_for(PROXIED, NAMED, TRUSTED, STRICT, TLS)
    with Gateway("-f", folder, "--port-offset", offset, "--dev-tls", plane=plane) as gateway:
        gateway.ready()
        made = Site(gateway, offset, backend)
        wait(lambda: made.ask(PROXIED, get("/"))[0] == 200, what=gateway.text)
        yield made
    backend.stop()


def get(path, *headers, host=HOST, version="1.1"):
    return "\n".join([f"GET {path} HTTP/{version}", *([f"host: {host}"] if host else []), "connection: close", *headers, "", ""])


def header(told, name):
    return [v for k, v in told["headers"] if k.lower() == name]


def test_addresses(site):
    told = site.ask(PROXIED, "PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\n" + get("/"))[2]
    assert header(told, "x-forwarded-for") == ["192.0.2.7"]
    status, headers, _ = site.ask(NAMED, get("/"))
    assert (status, headers["x-holdfast-reason"]) == (403, "client_address_unknown")
    assert site.ask(NAMED, get("/", "x-real: 192.0.2.8"))[0] == 200
    told = site.ask(TRUSTED, get("/", "x-forwarded-for: 192.0.2.9, 10.1.2.3", "x-request-id: mine"))[2]
    assert header(told, "x-forwarded-for")[0].startswith("192.0.2.9, 10.1.2.3") or header(told, "x-forwarded-for")[0].startswith("192.0.2.9,10.1.2.3")
    assert header(told, "x-request-id") not in ([], ["mine"])
    wait(lambda: any(line.get("client") == "192.0.2.9" for line in site.gateway.access_log()), what=site.gateway.text)


def test_headers_and_paths(site):
    status, headers, told = site.ask(STRICT, get("/a", "x-secret-key: k", "X-Case: kept"))
    assert (status, headers["x-late"], header(told, "x-early"), header(told, "x-secret-key")) == (200, "yes", ["100%"], [])
    assert ["X-Case", "kept"] in told["headers"]
    status, headers, _ = site.ask(STRICT, get("/", "my_name: me"))
    assert (status, headers["x-holdfast-reason"]) == (400, "bad_request")
    status, headers, _ = site.ask(STRICT, get("/a%2Fb?q=1"))
    assert (status, headers["location"]) == (307, "/a/b?q=1")
    assert site.ask(STRICT, get("/alive"))[0] == 200
    assert ("GET", "/alive") not in site.backend.asked
    status, _, told = site.ask(STRICT, get("/old", host="", version="1.0"))
    assert (status, header(told, "host")) == (200, [HOST])


def test_fingerprints_and_ciphers(site):
    status, _, told = site.ask(TLS, get("/"), tls=True)
    assert status == 200
    assert re.fullmatch("[0-9a-f]{32}", header(told, "x-ja3")[0]), told
    assert re.fullmatch("t12d[0-9a-z_]+", header(told, "x-ja4")[0]) or re.fullmatch("t13d[0-9a-z_]+", header(told, "x-ja4")[0]), told
    context = ssl._create_unverified_context()
    context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", TLS + site.offset), 10) as plain:
        context.wrap_socket(plain, server_hostname=HOST)
