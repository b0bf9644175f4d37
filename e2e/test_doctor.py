"""`holdfast doctor` against real servers, each with a real fault: the finding is named, and no other one."""
import json
import os
import pty
import shutil
import subprocess
import time

import pytest
import yaml

from lib import manifests, peers
from lib.backend import Backend
from lib.gateway import HOLDFAST, ROOT, Gateway, free_port, offset_for, run

WS = f"ws://{peers.HOST}/api/websocket"
WSS = f"wss://{peers.HOST}/api/websocket"


@pytest.fixture
def application():
    made = peers.Application()
    yield made
    made.stop()


@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    return peers.Authority(folder)


@pytest.fixture
def peer(tmp_path):
    """Starts one and ends it."""
    started = []
    folder = tmp_path / "peer"
    folder.mkdir()

    def start(kind, *args, **options):
        if kind in (peers.nginx, peers.haproxy) and not shutil.which(kind.__name__):
            pytest.fail(f"{kind.__name__} is not installed", pytrace=False)
        started.append(kind(folder, *args, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def doctor(authority):
    def examine(url, port, *more, timeout="10s"):
        line = ["doctor", url, "--connect", f"127.0.0.1:{port}", "--cacert", authority.pem, "--timeout", timeout, "--streams", "8", "-o", "json", *more]
        status, out, err = run(*line)
        assert "Exception" not in out + err and "\tat " not in out + err, out + err
        report = json.loads(out)
        assert status == report["exitCode"], (out, err)
        report["codes"] = sorted(f["code"] for f in report["findings"] if f["level"] != "note")
        assert status == (1 if report["codes"] else 0)
        return report
    return examine


def lines(report):
    return {r["probe"]: r["line"] for r in report["readings"]}


# Backends alone

def test_a_sound_backend_has_no_finding(doctor, application):
    assert doctor(WS, application.port)["codes"] == []


def test_a_backend_that_lets_in_every_origin(doctor):
    made = Backend()
    try:
        assert doctor(WS.replace("/api/websocket", "/live"), made.port)["codes"] == ["ORIGIN_NOT_CHECKED"]
    finally:
        made.stop()


@pytest.mark.parametrize("mode, code", [("refuses origin", "ORIGIN_REFUSED"), ("closes 1008", "CLOSED_1008")])
def test_a_backend_that_refuses(doctor, mode, code):
    made = peers.Application(mode)
    try:
        assert doctor(WS.replace("/api/websocket", "/live"), made.port)["codes"] == [code]
    finally:
        made.stop()


@pytest.mark.parametrize("greeting, code", [(b"", "NO_ANSWER"), (b"220 mail.example.test ESMTP\r\n", "NOT_HTTP"), (bytes(range(256)) * 50, "NOT_HTTP")])
def test_a_backend_that_is_no_web_server(doctor, greeting, code):
    made = peers.Strange(greeting)
    try:
        assert doctor(WS, made.port, timeout="3s")["codes"] == [code]
    finally:
        made.stop()


def ask(connection, answer):
    """Reads one request, then says `answer`."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise OSError
        head += more
    connection.sendall(answer)
    return head


def circle(connection):
    while True:
        ask(connection, b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")


def endless(connection):
    ask(connection, b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def endless_head(connection):
    ask(connection, b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x: " + b"x" * 8000 + b"\r\n")


def drip(connection):
    ask(connection, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.2)


def drip_head(connection):
    ask(connection, b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.2)


def cut(connection):
    ask(connection, b"")
    connection.close()


@pytest.mark.parametrize("talk, codes", [(circle, ["REDIRECT_LOOP"]), (endless, []), (endless_head, ["NOT_HTTP"]), (drip, ["PAGE_UNFINISHED"]),
                                         (drip_head, ["NO_ANSWER"]), (cut, ["CONNECTION_CUT"])])
def test_answers_without_end_or_sense(doctor, talk, codes):
    made = peers.Strange(talk=talk)
    try:
        report = doctor(f"http://{peers.HOST}/", made.port, timeout="3s")
        assert report["codes"] == codes
        assert all("\n" not in r["line"] and r["line"] for r in report["readings"])
    finally:
        made.stop()


def test_a_port_where_nothing_listens():
    status, out, err = run("doctor", WS, "--connect", f"127.0.0.1:{free_port()}", "--timeout", "3s")
    assert status == 2 and "refused" in out and "Exception" not in out + err


@pytest.mark.parametrize("line", [("ftp://x/",), ("http://x/", "--connect", "x"), ("http://x/", "--timeout", "soon"), ("http://x/", "--streams", "201"),
                                  ("http://x/", "--header", "no colon"), ("http://x/", "-f", "/nowhere"), ("http://x/", "--cacert", "/nowhere"), ()])
def test_what_is_no_question_is_said_in_a_line(line):
    status, out, err = run("doctor", *line)
    assert status == 2 and err.strip() and "Exception" not in out + err and "\tat " not in out + err


def test_colour_and_progress_are_for_terminals(application):
    line = [HOLDFAST, "doctor", f"http://{peers.HOST}/", "--connect", f"127.0.0.1:{application.port}", "--timeout", "3s", "--streams", "2"]
    _, out, err = run(*line[1:])
    assert "\x1b" not in out + err and "healthy" in out and "probing" not in err

    def on_a_terminal(environment):
        ours, theirs = pty.openpty()
        child = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env={**environment, "TERM": "xterm"})
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 65536):
                seen += more
        except OSError:
            pass
        os.close(ours)
        child.wait(60)
        return seen.decode()
    plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    seen = on_a_terminal(plain)
    assert "\x1b[32mhealthy\x1b[0m" in seen and "probing: upgrade" in seen
    seen = on_a_terminal({**plain, "NO_COLOR": "1"})
    assert "\x1b[32m" not in seen and "healthy" in seen


def test_nothing_there(doctor):
    status, out, err = run("doctor", "https://no-such-host.invalid/")
    assert status == 2 and "no-such-host.invalid has no address" in out
    status, out, err = run("doctor", "home-assistant.example")
    assert status == 2 and "write it as https://" in err


# Envoy

def test_envoy_with_the_upgrade_off(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), upgrade=False)
    assert doctor(WSS, envoy.port)["codes"] == ["UPGRADE_NOT_ALLOWED"]


def test_envoy_takes_no_websocket_over_http2(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue())
    report = doctor(WSS, envoy.port)
    assert report["codes"] == ["H2_WITHOUT_WEBSOCKET"]
    assert "answered 400" in lines(report)["upgrade-over-http2"]
    cures = json.dumps(report["findings"][0]["cures"])
    assert "every browser" in cures and "changes nothing" in cures and "502" in cures and "400" in cures


def test_envoy_with_http1_first(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), alpn=("http/1.1", "h2"))
    assert doctor(WSS, envoy.port)["codes"] == ["H2_WITHHELD"]


def test_envoy_with_http2_only(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), alpn=("h2",), codec="HTTP2")
    assert doctor(WSS, envoy.port)["codes"] == ["ALPN_H2_ONLY"]


def test_envoy_with_http2_only_in_alpn_takes_http1_all_the_same(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), alpn=("h2",))
    assert doctor(WSS, envoy.port)["codes"] == ["H2_WITHOUT_WEBSOCKET"]


def test_envoy_that_passes_the_client_protocol_on(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), client_protocol=True)
    assert doctor(WSS, envoy.port)["codes"] == ["H2_WITHOUT_WEBSOCKET", "USE_CLIENT_PROTOCOL"]


def test_envoy_with_allow_connect_before_an_http1_backend(doctor, peer, application, authority):
    envoy = peer(peers.envoy, application.port, authority.issue(), allow_connect=True)
    assert doctor(WSS, envoy.port)["codes"] == ["EXTENDED_CONNECT_FAILS"]


def test_envoy_whose_request_timeout_cuts_events(doctor, peer, application):
    envoy = peer(peers.envoy, application.port, timeout="1s")
    report = doctor(f"http://{peers.HOST}/events", envoy.port, "--deep", "--deep-time", "4s")
    assert report["codes"] == ["EVENTS_CUT"]


def test_envoy_whose_request_timeout_cuts_a_page(doctor, peer, application):
    envoy = peer(peers.envoy, application.port, timeout="0.3s")
    assert doctor(f"http://{peers.HOST}/slow", envoy.port)["codes"] == ["REQUEST_TIMEOUT"]


def test_envoy_without_a_route_for_the_host(doctor, peer, application):
    envoy = peer(peers.envoy, application.port, domain="another.test")
    assert "NO_ROUTE" in doctor(WS, envoy.port)["codes"]


def test_envoy_without_endpoints(doctor, peer):
    envoy = peer(peers.envoy, None)
    assert "NO_ENDPOINTS" in doctor(WS, envoy.port)["codes"]


def test_envoy_with_one_of_two_backends_that_takes_no_websocket(doctor, peer, application):
    """The seed's second symptom: every other try fails, and no single answer says why."""
    def page(connection):
        while True:
            ask(connection, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    other = peers.Strange(talk=page)
    try:
        envoy = peer(peers.envoy, application.port, also=other.port)
        assert doctor(WS.replace("/api/websocket", "/live"), envoy.port)["codes"] == ["UPGRADE_INTERMITTENT"]
    finally:
        other.stop()


@pytest.mark.parametrize("kind, answer", [(peers.caddy, 502), (peers.nginx, 400)])
def test_envoy_before_a_tls_backend_that_takes_http2_and_no_websocket_over_it(doctor, peer, application, authority, kind, answer):
    """R6: Envoy sends an extended CONNECT that was never announced. Caddy resets it, nginx answers as to any bad request."""
    arguments = (application.port, authority.issue()) if kind is peers.caddy else (peers.NGINX_UPGRADE, application.port, authority.issue())
    backend = peer(kind, *arguments)
    assert doctor(WSS, backend.port)["codes"] == ["H2_WITHOUT_WEBSOCKET"]
    envoy = peer(peers.envoy, backend.port, upstream_tls=True)
    report = doctor(WS, envoy.port)
    assert report["codes"] == ["UPGRADE_BACKEND_HTTP2"]
    assert f"HTTP/1.1 {answer} " in lines(report)["upgrade"]
    assert "kubernetes.io/wss" in json.dumps(report["findings"][0]["cures"])


# nginx

def test_nginx_that_passes_upgrades_on_is_sound(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port)
    assert doctor(WS, nginx.port)["codes"] == []


def test_nginx_without_upgrade_headers(doctor, peer, application):
    nginx = peer(peers.nginx, "", application.port)
    report = doctor(WS, nginx.port)
    assert report["codes"] == ["UPGRADE_IGNORED"]
    assert "proxy_set_header Upgrade" in json.dumps(report["findings"])


def test_nginx_with_another_host(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE.replace("$http_host", "backend.internal"), application.port)
    assert doctor(WS, nginx.port)["codes"] == ["ORIGIN_REFUSED"]


def test_nginx_that_loses_the_port_of_host(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE.replace("$http_host", "$host"), application.port)
    report = doctor(f"ws://{peers.HOST}:8123/api/websocket", nginx.port)
    assert report["codes"] == ["ORIGIN_REFUSED"]
    assert "a hop loses the port of Host" in report["findings"][0]["meaning"]


def test_nginx_that_keeps_the_port_of_host_is_sound(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port)
    assert doctor(f"ws://{peers.HOST}:8123/api/websocket", nginx.port)["codes"] == []


def test_nginx_before_an_application_that_does_not_trust_it(doctor, peer):
    made = peers.Application("trusts no proxy")
    try:
        nginx = peer(peers.nginx, peers.NGINX_UPGRADE + "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", made.port)
        report = doctor(WS, nginx.port)
        assert report["codes"] == ["HOME_ASSISTANT_TRUSTED_PROXIES"] and "trusted_proxies" in json.dumps(report["findings"])
        assert doctor(WS, made.port)["codes"] == []
    finally:
        made.stop()


def test_nginx_with_outdated_tls(doctor, peer, application, authority):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port, tls=authority.issue(), http2=False,
                 server="ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;")
    report = doctor(WSS, nginx.port)
    assert report["codes"] == ["TLS_OUTDATED"]
    tls = next(r for r in report["readings"] if r["probe"] == "tls")
    assert tls["facts"]["versions"] == ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


def test_nginx_that_redirects_the_handshake(doctor, peer, application):
    nginx = peer(peers.nginx, "return 301 https://elsewhere.test$request_uri;", application.port)
    assert doctor(WS, nginx.port)["codes"] == ["UPGRADE_REDIRECTED"]


def test_nginx_that_cuts_silent_streams(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE + "proxy_read_timeout 2s;", application.port)
    report = doctor(WS, nginx.port, "--deep", "--deep-time", "5s")
    assert report["codes"] == ["IDLE_CUT"]
    assert "with a ping every" in lines(report)["idle"]


def test_nginx_that_buffers_events(doctor, peer, application):
    nginx = peer(peers.nginx, "proxy_buffering on;", application.port)
    report = doctor(f"http://{peers.HOST}/ten-events", nginx.port)
    assert report["codes"] == ["EVENTS_BUFFERED"]
    report = doctor(f"http://{peers.HOST}/ten-events", application.port)
    assert report["codes"] == []


def test_nginx_that_buffers_events_without_end(doctor, peer, application):
    """Not even the head of the answer comes; a HEAD has nothing to keep back."""
    nginx = peer(peers.nginx, "proxy_buffering on;", application.port)
    assert doctor(f"http://{peers.HOST}/events", nginx.port, timeout="3s")["codes"] == ["EVENTS_BUFFERED"]


def test_nginx_that_compresses_events(doctor, peer, application):
    nginx = peer(peers.nginx, "proxy_buffering off; gzip on; gzip_types text/event-stream; gzip_min_length 0;", application.port)
    report = doctor(f"http://{peers.HOST}/ten-events", nginx.port)
    assert "EVENTS_COMPRESSED" in report["codes"] and report["codes"] in (["EVENTS_COMPRESSED"], ["EVENTS_BUFFERED", "EVENTS_COMPRESSED"])


def test_nginx_with_a_certificate_of_an_unknown_authority(peer, application, authority):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port, tls=authority.issue(), http2=False)
    status, out, err = run("doctor", WSS, "--connect", f"127.0.0.1:{nginx.port}", "--streams", "2", "-o", "json")
    codes = [f["code"] for f in json.loads(out)["findings"] if f["level"] != "note"]
    assert status == 1 and codes == ["CERTIFICATE_CHAIN_INCOMPLETE"]


def test_nginx_with_a_certificate_that_has_expired(doctor, peer, application, authority):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port, tls=authority.issue(days=-2), http2=False)
    assert doctor(WSS, nginx.port)["codes"] == ["CERTIFICATE_EXPIRED"]


def test_nginx_with_a_certificate_for_another_name(doctor, peer, application, authority):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port, tls=authority.issue("other.test"), http2=False)
    report = doctor(WSS, nginx.port)
    assert report["codes"] == ["CERTIFICATE_WRONG_NAME"]
    assert doctor(WSS, nginx.port, "--insecure")["codes"] == []


def test_plain_http_to_the_tls_port_of_nginx(doctor, peer, application, authority):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port, tls=authority.issue())
    assert doctor(f"http://{peers.HOST}/", nginx.port)["codes"] == ["TLS_ON_PLAIN_PORT"]


def test_tls_to_the_plain_port_of_nginx(doctor, peer, application):
    nginx = peer(peers.nginx, peers.NGINX_UPGRADE, application.port)
    assert doctor(WSS, nginx.port)["codes"] == ["PLAIN_HTTP_ON_TLS_PORT"]


# HAProxy and Caddy

def test_haproxy_with_rfc8441_is_sound(doctor, peer, application, authority):
    haproxy = peer(peers.haproxy, application.port, authority.issue())
    report = doctor(WSS, haproxy.port)
    assert report["codes"] == []
    assert "3 WebSockets on one HTTP/2 connection" in lines(report)["extended-connect"]


def test_haproxy_whose_tunnel_timeout_is_short(doctor, peer, application, authority):
    haproxy = peer(peers.haproxy, application.port, authority.issue(), tunnel="2s")
    assert doctor(WSS, haproxy.port, "--deep", "--deep-time", "5s")["codes"] == ["IDLE_CUT"]


def test_caddy_takes_no_websocket_over_http2(doctor, peer, application, authority):
    caddy = peer(peers.caddy, application.port, authority.issue())
    assert doctor(WSS, caddy.port)["codes"] == ["H2_WITHOUT_WEBSOCKET"]


# Our own gateway

@pytest.fixture
def ours(example, application, authority):
    """The seed's example with a certificate of the tests' authority, edited by the test before it starts."""
    crt, key, _ = authority.issue(manifests.HOST)
    text = lambda p: "".join("    " + line + "\n" for line in p.read_text().splitlines())
    (example / "secret.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: home-assistant-tls, namespace: home-automation}\ntype: kubernetes.io/tls\n"
        f"stringData:\n  tls.crt: |\n{text(crt)}  tls.key: |\n{text(key)}")
    running = []

    def start(port=application.port, plane="embedded"):
        offset = offset_for(443, 80)
        gateway = Gateway("-f", example, "--port-offset", offset, "--resolve", f"home-automation/home-assistant=127.0.0.1:{port}", plane=plane)
        running.append(gateway)
        gateway.ready()
        return 443 + offset

    start.folder = example
    start.backend = application.port
    yield start
    for one in running:
        one.end()


OURS = f"wss://{manifests.HOST}/api/websocket"


def test_our_gateway_with_the_default_order_is_sound(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == []
    assert "3 WebSockets on one HTTP/2 connection" in lines(report)["extended-connect"]


def test_our_gateway_with_the_seed_cures_names_the_alpn_line(doctor, ours):
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == ["H2_WITHHELD"]
    fault = report["findings"][0]["atFault"][0]
    assert fault["file"].endswith("1-client-traffic-policy.yaml") and fault["field"] == "spec.tls.alpnProtocols"
    assert "http/1.1" in (ours.folder / "1-client-traffic-policy.yaml").read_text().splitlines()[fault["line"] - 1]


def test_our_gateway_without_websocket_in_the_list_of_upgrades(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / "3-home-assistant.yaml", "type: websocket", "type: spdy/3.1")
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == ["UPGRADE_NOT_ALLOWED"]
    assert report["findings"][0]["atFault"][0]["field"] == "spec.httpUpgrade"


def test_our_gateway_without_a_route_for_the_host(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / "route.yaml", manifests.HOST, "another.test")
    assert doctor(OURS, ours())["codes"] == ["NO_ROUTE"]


def test_our_gateway_that_cuts_idle_streams(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / "3-home-assistant.yaml", "connectionIdleTimeout: 3600s", "connectionIdleTimeout: 3600s\n      streamIdleTimeout: 2s")
    assert doctor(OURS, ours(), "-f", ours.folder, "--deep", "--deep-time", "5s")["codes"] == ["IDLE_CUT"]


def test_our_gateway_with_a_backend_that_is_not_there(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / "route.yaml", "- name: home-assistant\n          port", "- name: gone\n          port")
    assert doctor(OURS, ours(), "-f", ours.folder)["codes"] == ["GATEWAY_REASON"]


def test_our_gateway_that_keeps_a_guarded_route_shut(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    (ours.folder / "security.yaml").write_text("""apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: guard, namespace: home-automation}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}]
  authorization: {defaultAction: Deny}
""")
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == ["GATEWAY_REASON"] and "SecurityPolicy" in json.dumps(report["findings"][0])


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_user_sends_by_header_is_printed_nowhere(ours, form):
    status, out, err = run("doctor", OURS, "--connect", f"127.0.0.1:{ours()}", "--insecure", "--timeout", "3s", "--streams", "2", "--verbose", "-o", form,
                           "--header", "X-Api-Key: hunter2-secret", "--header", "Authorization: Bearer hunter3-secret")
    assert "X-Api-Key: [redacted]" in out + err and "hunter" not in out + err


# Our own gateway with each lint's fault: what the wire shows is a finding, what the manifests alone show stands beside it.

POLICY = "3-home-assistant.yaml"
UPGRADES = "httpUpgrade:\n    - type: websocket"


def edit(file, old, new):
    return lambda folder: manifests.replace(folder / file, old, new)


def add(file, text):
    return lambda folder: manifests.write(folder / file, text)


def both(*edits):
    return lambda folder: [e(folder) for e in edits]


def policy(kind, name, spec, target="HTTPRoute/home-assistant-internal"):
    group = "holdfast.dev" if kind == "StreamPolicy" else "gateway.envoyproxy.io"
    target_kind, target_name = target.split("/")
    return f"""apiVersion: {group}/v1alpha1
kind: {kind}
metadata: {{name: {name}, namespace: home-automation}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: {target_kind}, name: {target_name}}}]
{spec}"""


def rule(name, rest):
    return edit("route.yaml", "  rules:\n", f"  rules:\n    - matches: [{{path: {{value: /api/websocket}}}}]\n      {rest}\n")


NO_ENDPOINTS = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a-first, namespace: home-automation}
spec:
  parentRefs: [{name: envoy}]
  hostnames: [%s]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs: [{name: gone, port: 80}]
""" % manifests.HOST

DIRECT = """apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: closed, namespace: home-automation}
spec:
  directResponse: {statusCode: 403, body: {type: Inline, inline: closed}}
"""

DEEP = ("--deep", "--deep-time", "5s")
PAGE = f"https://{manifests.HOST}/slow"
WIDE = "2-backend-traffic-policy.yaml"

# What is changed; the URL and more arguments; the findings; the line at fault (file, its field, words on it); the lint (code, file, words on its line).
FAULTS = {
    "useClientProtocol falls back": (None, OURS, (), [], None, ("CLIENT_PROTOCOL", POLICY, "useClientProtocol: true")),
    "the breaker is the pages' own": (
        edit(POLICY, "maxConnections: 1024\n    maxPendingRequests: 1024\n    maxParallelRequests: 1024", "maxConnections: 6\n    maxParallelRequests: 6"),
        OURS, (), [], None, ("SHARED_BREAKER", POLICY, "maxConnections: 6")),
    "the breaker is shared as Envoy shares it": (
        both(edit(POLICY, "maxConnections: 1024\n    maxPendingRequests: 1024\n    maxParallelRequests: 1024", "maxConnections: 6\n    maxParallelRequests: 6"),
             add("streams.yaml", policy("StreamPolicy", "streams", "  compatibility: envoy\n"))),
        OURS, (), ["PAGES_SUFFER", "STREAM_LIMIT"], (POLICY, "spec.circuitBreaker", "maxConnections: 6"), ("SHARED_BREAKER", POLICY, "maxConnections: 6")),
    "no websocket in the list": (
        edit(POLICY, "type: websocket", "type: spdy/3.1"),
        OURS, (), ["UPGRADE_NOT_ALLOWED"], (POLICY, "spec.httpUpgrade", "spdy/3.1"), ("UPGRADE_OFF", POLICY, "spdy/3.1")),
    "a request buffer": (
        edit(POLICY, UPGRADES, "requestBuffer: {limit: 1Mi}"),
        OURS, (), [], None, ("UPGRADE_BUFFERED", POLICY, "requestBuffer")),
    "the wider policy is dropped": (
        edit(POLICY, UPGRADES, "connection: {bufferLimit: 64Ki}"),
        OURS, (), [], None, ("POLICY_DROPPED", POLICY, "targetRefs:")),
    "a field that is ignored": (
        edit(POLICY, "useClientProtocol: true", "connection: {socketBufferLimit: 32Ki}"),
        OURS, (), [], None, ("IGNORED_FIELD", POLICY, "socketBufferLimit")),
    "an idle time": (
        edit(POLICY, "connectionIdleTimeout: 3600s", "streamIdleTimeout: 2s"),
        OURS, DEEP, ["IDLE_CUT"], (POLICY, "spec.timeout.http.streamIdleTimeout", "2s"), ("STREAM_TIMERS", POLICY, "streamIdleTimeout: 2s")),
    "a lifetime": (
        edit(POLICY, "connectionIdleTimeout: 3600s", "maxStreamDuration: 2s"),
        OURS, DEEP, ["PINGS_DO_NOT_KEEP"], (POLICY, "spec.timeout.http.maxStreamDuration", "2s"), ("STREAM_TIMERS", POLICY, "maxStreamDuration: 2s")),
    "a request timeout of the policy": (
        edit(POLICY, "requestTimeout: 0s", "requestTimeout: 300ms"),
        PAGE, (), ["REQUEST_TIMEOUT"], (POLICY, "spec.timeout.http.requestTimeout", "300ms"), ("STREAM_TIMERS", POLICY, "requestTimeout: 300ms")),
    "a request timeout of the route": (
        edit("route.yaml", "      backendRefs:", "      timeouts: {request: 300ms}\n      backendRefs:"),
        PAGE, (), ["REQUEST_TIMEOUT"], ("route.yaml", "spec.rules[0].timeouts.request", "300ms"), ("STREAM_TIMERS", "route.yaml", "300ms")),
    "a redirect": (
        rule("moved", "filters: [{type: RequestRedirect, requestRedirect: {hostname: elsewhere.test}}]"),
        OURS, (), ["UPGRADE_REDIRECTED"], ("route.yaml", "spec.rules[0].filters[0]", "elsewhere.test"), ("UPGRADE_ANSWERED", "route.yaml", "elsewhere.test")),
    "a direct response": (
        both(rule("closed", "filters: [{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: closed}}]"), add("closed.yaml", DIRECT)),
        OURS, (), ["UPGRADE_FORBIDDEN"], ("route.yaml", "spec.rules[0].filters[0]", "HTTPRouteFilter"), ("UPGRADE_ANSWERED", "route.yaml", "HTTPRouteFilter")),
    "a route that another shadows": (
        add("a-first.yaml", NO_ENDPOINTS),
        OURS, (), ["GATEWAY_REASON"], ("a-first.yaml", "spec.rules[0]", "matches"), ("ROUTE_SHADOWED", "route.yaml", "matches")),
    "a login": (
        add("guard.yaml", policy("SecurityPolicy", "guard", "  authorization: {defaultAction: Deny}\n")),
        OURS, (), ["GATEWAY_REASON"], ("guard.yaml", "spec.authorization", "Deny"), None),
    "an origin that is not listed": (
        add("streams.yaml", policy("StreamPolicy", "streams", "  allowedOrigins: [https://app.test]\n")),
        OURS, ("--origin", "https://other.test"), ["ORIGIN_REFUSED"], ("streams.yaml", "spec.allowedOrigins", "app.test"), None),
    "an origin that is listed": (
        add("streams.yaml", policy("StreamPolicy", "streams", "  ping: {interval: 25s}\n")), OURS, (), [], None, None),
}


def line_of(place):
    return open(place["file"]).read().splitlines()[place["line"] - 1]


@pytest.mark.parametrize("name", FAULTS)
def test_our_gateway_with_the_fault_of_a_lint(doctor, ours, name):
    change, url, more, codes, fault, lint = FAULTS[name]
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    if change:
        change(ours.folder)
    report = doctor(url, ours(), "-f", ours.folder, *more)
    assert report["codes"] == codes, json.dumps(report["findings"], indent=1)
    assert_named(report, fault, lint)


def assert_named(report, fault, lint):
    counted = [f for f in report["findings"] if f["level"] != "note"]
    for finding in counted if fault else []:
        place = finding["atFault"][0]
        assert place["file"].endswith(fault[0]) and place["field"] == fault[1], place
        # A mapping's place is where it begins.
        assert fault[2] in line_of(place), (line_of(place), fault)
        if finding["code"] not in ("UPGRADE_FORBIDDEN", "GATEWAY_REASON"):
            texts = [m for c in finding["cures"] for m in c["mendings"]]
            assert any("Holdfast" in m["for"] for m in texts), finding
            assert any("Envoy Gateway" in m["for"] for m in texts) or finding["code"] == "ORIGIN_REFUSED", finding
            assert "YOUR-" not in json.dumps(texts), texts
    if lint:
        found = [p for p in report["manifestProblems"] if p["code"] == lint[0] and p["file"].endswith(lint[1]) and lint[2] in line_of(p)]
        assert found and found[0]["fix"], report["manifestProblems"]


def test_our_gateway_with_the_seed_cures_has_the_lint_and_the_change(doctor, ours):
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == ["H2_WITHHELD"]
    assert_named(report, ("1-client-traffic-policy.yaml", "spec.tls.alpnProtocols", "http/1.1"), ("ALPN_WITHOUT_HTTP2", "1-client-traffic-policy.yaml", "http/1.1"))
    change = next(p["mending"] for p in report["manifestProblems"] if p["code"] == "ALPN_WITHOUT_HTTP2")
    assert "-    alpnProtocols:" in change and change.startswith("--- ")


@pytest.mark.parametrize("days, code", [(5, "CERTIFICATE_EXPIRES_SOON"), (-2, "CERTIFICATE_EXPIRED")])
def test_our_gateway_with_an_old_certificate(doctor, ours, authority, days, code):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    crt, key, _ = authority.issue(manifests.HOST, days=days, ago=80)
    text = lambda p: "".join("    " + line + "\n" for line in p.read_text().splitlines())
    manifests.write(ours.folder / "secret.yaml",
                    "apiVersion: v1\nkind: Secret\nmetadata: {name: home-assistant-tls, namespace: home-automation}\ntype: kubernetes.io/tls\n"
                    f"stringData:\n  tls.crt: |\n{text(crt)}  tls.key: |\n{text(key)}")
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == [code]
    assert_named(report, ("gateway.yaml", "spec.listeners[0].tls.certificateRefs", "kind: Secret"), ("CERTIFICATE_EXPIRES", "secret.yaml", "apiVersion: v1"))
    assert "name: home-assistant-tls" in json.dumps(report["findings"][0]["cures"])


def test_our_gateway_before_a_tls_backend_with_http2_is_sound(doctor, ours, peer, authority):
    """R6: the backend takes h2 and no WebSocket over it; pages keep h2, WebSockets go by HTTP/1.1."""
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / POLICY, "  useClientProtocol: true\n", "")
    backend = peer(peers.nginx, peers.NGINX_UPGRADE, ours.backend, tls=authority.issue("backend.test"))
    manifests.write(ours.folder / "tls.yaml", """apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls, namespace: home-automation}
spec:
  targetRefs: [{group: "", kind: Service, name: home-assistant}]
  validation:
    hostname: backend.test
    caCertificateRefs: [{group: "", kind: ConfigMap, name: authority}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: authority, namespace: home-automation}
data:
  ca.crt: |
""" + "".join("    " + line + "\n" for line in authority.pem.read_text().splitlines()))
    report = doctor(OURS, ours(backend.port), "-f", ours.folder)
    assert report["codes"] == []
    assert_named(report, None, ("TLS_BACKEND_HTTP2", "route.yaml", "matches"))


# What it prints mends it: put in place as it says, the same examination finds nothing.

def put(folder, text):
    """A manifest: beside what the policy of that name says already, or as a file of its own."""
    new = yaml.safe_load(text)
    for file in sorted(folder.glob("*.yaml")):
        all_of_it = list(yaml.safe_load_all(file.read_text()))
        for old in all_of_it:
            if (old["kind"], old["metadata"]["name"]) == (new["kind"], new["metadata"]["name"]):
                lay(old["spec"], {k: v for k, v in new["spec"].items() if k != "targetRefs"})
                manifests.write(file, yaml.safe_dump_all(all_of_it))
                return
    manifests.write(folder / "mending.yaml", yaml.safe_dump(new))


def lay(under, over):
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), dict):
            lay(under[key], value)
        else:
            under[key] = value


@pytest.fixture
def everybody():
    """A backend that lets in every Origin, so that the gateway decides."""
    made = Backend()
    yield made
    made.stop()


MENDED = ["the breaker is shared as Envoy shares it", "no websocket in the list", "an idle time", "a request timeout of the policy", "an origin that is not listed"]


@pytest.mark.parametrize("name", MENDED)
def test_what_is_printed_for_our_gateway_mends_it(doctor, ours, everybody, name):
    change, url, more, codes, _, _ = FAULTS[name]
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    change(ours.folder)
    port = everybody.port if "origin" in name else ours.backend
    report = doctor(url, ours(port), "-f", ours.folder, *more)
    assert report["codes"] == codes
    for finding in report["findings"]:
        texts = [m["text"] for c in finding["cures"] for m in c["mendings"] if "Holdfast" in m["for"]]
        if finding["level"] != "note":
            put(ours.folder, texts[0])
    assert doctor(url, ours(port), "-f", ours.folder, *more)["codes"] == []


def test_what_is_printed_for_the_order_of_alpn_mends_it(doctor, ours):
    report = doctor(OURS, ours(), "-f", ours.folder)
    assert report["codes"] == ["H2_WITHHELD"]
    put(ours.folder, next(m["text"] for c in report["findings"][0]["cures"] for m in c["mendings"] if "Holdfast" in m["for"]))
    assert doctor(OURS, ours(), "-f", ours.folder)["codes"] == []


# The same manifests carried out by Envoy.

def test_envoy_by_manifests_names_the_line_and_what_mends_it(doctor, ours):
    (ours.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(ours.folder / POLICY, "type: websocket", "type: spdy/3.1")
    manifests.replace(ours.folder / POLICY, "  useClientProtocol: true\n", "")
    report = doctor(OURS, ours(plane="envoy"), "-f", ours.folder)
    assert report["codes"] == ["UPGRADE_NOT_ALLOWED"]
    assert_named(report, (POLICY, "spec.httpUpgrade", "spdy/3.1"), None)
    put(ours.folder, next(m["text"] for c in report["findings"][0]["cures"] for m in c["mendings"] if "Envoy Gateway" in m["for"]))
    assert doctor(OURS, ours(plane="envoy"), "-f", ours.folder)["codes"] == []
