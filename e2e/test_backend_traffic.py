"""What a BackendTrafficPolicy says of the choice of endpoints and their health, and how backends are met over TLS, on both planes."""
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from lib.clients import page
from lib.gateway import BOTH_PLANES, Gateway, offset_for, wait
from lib.manifests import authorities, documents, http_gateway, http_route, ip_backend, policy, ref, tls_secret
from lib.peers import Authority
from lib.telling import Telling

pytestmark = BOTH_PLANES

ROUTES = {
    "hash": "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: x-user}}}",
    "cookie": "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: stick, ttl: 60s}}}",
    "random": "loadBalancer: {type: Random}",
    "least": "loadBalancer: {type: LeastRequest, slowStart: {window: 5s}}",
    "named": "loadBalancer: {type: RoundRobin, endpointOverride: {extractFrom: [{header: x-endpoint}]}}",
    "load": "loadBalancer: {type: BackendUtilization, backendUtilization: {blackoutPeriod: 1s}}",
    "asked": """healthCheck:
    panicThreshold: 0
    active: {type: HTTP, interval: 100ms, timeout: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /healthz, expectedStatuses: [200]},
      healthCheckLog: {matches: [FailureSeriesStart, HealthyTransition], sinks: [{type: File, file: {path: CHECKS}}]}}""",
    "ejected": """healthCheck:
    panicThreshold: 0
    passive: {consecutive5XxErrors: 2, interval: 100ms, baseEjectionTime: 60s, maxEjectionPercent: 100}""",
    "connection": """connection: {bufferLimit: 16Ki, preconnect: {perEndpointPercent: 150}}
  circuitBreaker: {perEndpoint: {maxConnections: 10}, retryBudget: {percent: {numerator: 50}}}
  tcpKeepalive: {probes: 2, idleTime: 30s, interval: 10s}""",
}


def manifests(one, other, sealed):
    return documents(
        http_gateway(more="  tls: {backend: {clientCertificateRef: {name: shown}}}\n"), ip_backend("app", one, other),
        *(documents(http_route(name, ref("app")), traffic(name, said)) for name, said in ROUTES.items()),
        *(documents(ip_backend(name, sealed), http_route(name, ref(name)), tls(name, "asked.test", host)) for name, host in {"sealed": "other.test", "strange": "nobody.test"}.items()))


def traffic(route, said):
    return policy("BackendTrafficPolicy", route, said)


# Whose requests by CONNECT become tunnels, each by the host that is asked for.
TUNNELS = {
    "terminated": "httpUpgrade: [{type: CONNECT, connect: {terminate: true}}]",
    "passed": "httpUpgrade: [{type: websocket}, {type: CONNECT}]",
    "again": "httpUpgrade: [{type: CONNECT, connect: {terminate: true}}]",
    "unasked": "httpUpgrade: [{type: websocket}]",
}


def tunnels(echo, gateway):
    """Routes to a backend that knows no HTTP, and one that leads to this gateway itself, which knows then that it has seen the request."""
    seen = "{name: x-seen, value: 'yes'}"

    def route(name, host, also="", more=""):
        return http_route(name, ref(name), host=f"{host}.test", match=f"{{path: {{value: /nowhere}}{also}}}", more=more)

    return documents(
        route("terminated", "terminated"), route("unasked", "unasked"),
        route("passed", "passed", more=f"      filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{seen}]}}}}]\n"),
        route("again", "passed", also=f", headers: [{seen}]"),
        *(ip_backend(name, gateway if name == "passed" else echo) for name in TUNNELS), *(traffic(name, said) for name, said in TUNNELS.items()))


class Echo:
    """A server that says again what it hears, and goodbye once its client has ended its half."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                taken, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(taken,), daemon=True).start()

    @staticmethod
    def serve(taken):
        with taken:
            while data := taken.recv(65536):
                taken.sendall(data)
            taken.sendall(b"bye")

    def stop(self):
        self.server.close()


# Of backends that are told to answer 503, and of others beside them.
LEVELS = {
    "kept": "healthCheck: {panicThreshold: 0, active: {type: HTTP, interval: 100ms, timeout: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /healthz, expectedStatuses: [200]}}}",
    "levels": "retry: {numRetries: 2, numAttemptsPerPriority: 1, retryOn: {httpStatusCodes: [503], triggers: [retriable-status-codes]}}",
    "one-level": "retry: {numRetries: 2, retryOn: {httpStatusCodes: [503], triggers: [retriable-status-codes]}}",
}


def levels(one, other):
    """Routes to a backend and its fallback."""
    return documents(
        ip_backend("first", one, more="  fallback: false\n"), ip_backend("spare", other, more="  fallback: true\n"),
        *(documents(http_route(name, ref("first"), ref("spare")), traffic(name, said)) for name, said in LEVELS.items()))


def own(sealed):
    """A Backend that says all of TLS itself, and what it is shown; another that its server does not agree to."""
    return documents(*(documents(f"""apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}, namespace: app}}
spec:
  endpoints: [{{hostname: other.test, ip: {{address: 127.0.0.1, port: {sealed}}}}}]
  tls:
    autoSNIFromEndpointHostname: true
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]
    clientCertificateRef: {{name: own}}
    alpnProtocols: [http/1.1]
    maxVersion: "1.2"
    ciphers: [{cipher}]
    ecdhCurves: [P-256]
""", http_route(name, ref(name))) for name, cipher in {"own": "ECDHE-ECDSA-AES128-GCM-SHA256", "disagreeing": "ECDHE-RSA-AES128-GCM-SHA256"}.items()))


def tls(backend, hostname, name):
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {backend}, namespace: app}}
spec:
  targetRefs: [{ref(backend)}]
  validation:
    hostname: {hostname}
    subjectAltNames: [{{type: Hostname, hostname: {name}}}]
    caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]
"""


class Site:
    def __init__(self, gateway, port, one, other):
        self.gateway, self.port, self.one, self.other = gateway, port, one, other

    def ask(self, path, **headers):
        status, answer, body = page(self.port, path=path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        told = json.loads(body) if body.startswith(b"{") else {"name": ""}
        return status, told, answer

    def names(self, path, times=10, **headers):
        return [self.ask(path, **headers)[1]["name"] for _ in range(times)]


@pytest.fixture
def site(tmp_path, plane):
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority")
    crt, key, _ = authority.issue("other.test", "more.test")
    mine, my_key, _ = authority.issue("gateway.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    context.load_verify_locations(authority.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    one, other, sealed = Telling("one"), Telling("other"), Telling("sealed", context)
    offset, echo = offset_for(80), Echo()
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "m.yaml").write_text(documents(
        manifests(one.port, other.port, sealed.port).replace("CHECKS", str(tmp_path / "checks.log")), own(sealed.port), levels(one.port, other.port), tunnels(echo.port, 80 + offset),
        tls_secret("shown", mine, my_key), tls_secret("own", *authority.issue("own.test")[:2]), authorities("ca", authority.pem)))
    with Gateway("-f", folder, "--port-offset", offset, plane=plane) as gateway:
        gateway.ready()
        made = Site(gateway, 80 + offset, one, other)
        made.checks = tmp_path / "checks.log"
        wait(lambda: made.ask("/random")[0] == 200, what=gateway.text)
        assert not [p for p in gateway.json("/api/problems") if p["severity"].lower() != "info"], gateway.json("/api/problems")
        yield made
    for backend in (one, other, sealed, echo):
        backend.stop()


def test_the_choice_of_endpoints(site):
    users = [set(site.names("/hash", x_user=str(user))) for user in range(12)]
    assert all(len(names) == 1 for names in users) and len(set.union(*users)) == 2
    status, told, answer = site.ask("/cookie")
    cookie = answer["set-cookie"]
    assert cookie.startswith("stick=") and "max-age=60" in cookie.lower()
    assert set(site.names("/cookie", cookie=cookie.split(";")[0])) == {told["name"]}
    for path in ("/random", "/least", "/load", "/connection"):
        assert set(site.names(path, 30)) == {"one", "other"}, path
    for backend in (site.one, site.other):
        assert set(site.names("/named", x_endpoint=f"127.0.0.1:{backend.port}")) == {backend.name}
    assert set(site.names("/named", 30, x_endpoint="127.0.0.1:1")) == {"one", "other"}


def events(site):
    """What is told of the checks of the backend that is told to fail."""
    lines = [json.loads(line) for line in site.checks.read_text().splitlines()] if site.checks.exists() else []
    return {key for line in lines for key in line if line["host"]["socket_address"]["port_value"] == site.one.port and key.endswith("_event")}


def test_endpoints_that_answer_wrongly_are_left_out(site):
    site.one.status = 503
    wait(lambda: set(site.names("/asked", 6)) == {"other"}, what=site.gateway.text)
    site.one.status = 200
    wait(lambda: set(site.names("/asked", 20)) == {"one", "other"}, what=site.gateway.text)
    # Envoy's first failure of a row is that of an endpoint's very first check.
    expected = {"add_healthy_event", "eject_unhealthy_event"} | ({"health_check_failure_event"} if site.gateway.plane == "embedded" else set())
    wait(lambda: expected <= events(site), what=lambda: events(site))
    assert "successful_health_check_event" not in events(site)
    site.other.status = 500
    wait(lambda: set(site.names("/ejected", 6)) == {"one"}, what=site.gateway.text)
    time.sleep(0.3)
    assert set(site.names("/ejected", 6)) == {"one"}


def test_backends_are_known_by_any_of_their_names_and_shown_ours(site):
    wait(lambda: site.ask("/sealed")[0] == 200, what=lambda: (site.ask("/sealed"), site.gateway.text()))
    assert "gateway.test" in site.ask("/sealed")[1]["certificate"]
    assert site.ask("/strange")[0] in (502, 503)


def test_a_backend_says_how_tls_is_agreed_on_and_what_it_is_shown(site):
    wait(lambda: site.ask("/own")[0] == 200, what=lambda: (site.ask("/own"), site.gateway.text()))
    told = site.ask("/own")[1]
    assert "own.test" in told["certificate"]
    assert told["tls"] == ["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "other.test"]
    assert site.ask("/disagreeing")[0] in (502, 503)


def test_a_fallback_is_asked_where_the_others_are_not_well(site):
    for path in ("/kept", "/levels", "/one-level"):
        wait(lambda: set(site.names(path, 10)) == {"one"}, what=site.gateway.text)
    site.one.status = 503
    wait(lambda: set(site.names("/kept", 10)) == {"other"}, what=site.gateway.text)
    answers = [site.ask("/levels") for _ in range(10)]
    assert {(status, told["name"]) for status, told, _ in answers} == {(200, "other")}
    assert {site.ask("/one-level")[0] for _ in range(10)} == {503}
    site.one.status = 200
    wait(lambda: set(site.names("/kept", 10)) == {"one"}, what=site.gateway.text)


def tunnel(port, host):
    """(status, connection) of a CONNECT."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(f"CONNECT {host}:7 HTTP/1.1\r\nHost: {host}:7\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = client.recv(1)
        assert octet, head
        head += octet
    return int(head.split()[1]), client


@pytest.mark.parametrize("host", ["terminated.test", "passed.test"])
def test_a_connect_opens_a_tunnel_whatever_the_path_of_its_route(site, host):
    status, client = tunnel(site.port, host)
    with client:
        assert status == 200
        client.sendall(b"one\n")
        assert client.recv(100) == b"one\n"
        wait(lambda: site.gateway.streams_open() >= 1, what=site.gateway.text)
        client.sendall(b"two\n")
        assert client.recv(100) == b"two\n"
        client.shutdown(socket.SHUT_WR)
        # Envoy's HTTP/1.1 ends both halves at once.
        assert b"".join(iter(lambda: client.recv(100), b"")) == (b"bye" if site.gateway.plane == "embedded" else b"")
    wait(lambda: site.gateway.streams_open() == 0, what=site.gateway.text)


def test_a_page_through_a_tunnel_by_curl(site):
    """The tunnel's backend says the request itself again, of which curl makes an answer of HTTP/0.9."""
    done = subprocess.run(["curl", "-sv", "--http0.9", "--max-time", "5", "--proxytunnel", "-x", f"http://127.0.0.1:{site.port}", "http://terminated.test:7/page"],
                          capture_output=True, text=True)
    assert "CONNECT tunnel established, response 200" in done.stderr and done.stdout.startswith("GET /page HTTP/1.1"), done


def test_a_connect_that_no_policy_asks_for_is_refused(site):
    for host in ("unasked.test", "other.test"):
        status, client = tunnel(site.port, host)
        client.close()
        assert status == (400 if site.gateway.plane == "embedded" else 404), host
