"""`holdfast doctor` against real servers, each with a real fault: the finding is named, and no other one."""
import json
import shutil

import pytest

from lib import manifests, peers
from lib.gateway import Gateway, offset_for, run

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
    def examine(url, port, *more):
        line = ["doctor", url, "--connect", f"127.0.0.1:{port}", "--cacert", authority.pem, "--timeout", "3s", "--streams", "8", "-o", "json", *more]
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
        assert doctor(WS, made.port)["codes"] == [code]
    finally:
        made.stop()


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

    def start():
        offset = offset_for(443, 80)
        gateway = Gateway("-f", example, "--port-offset", offset, "--resolve", f"home-automation/home-assistant=127.0.0.1:{application.port}")
        running.append(gateway)
        gateway.ready()
        return 443 + offset

    start.folder = example
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


def test_what_a_user_sends_by_header_is_printed_nowhere(ours):
    status, out, err = run("doctor", OURS, "--connect", f"127.0.0.1:{ours()}", "--insecure", "--timeout", "3s", "--streams", "2", "--verbose",
                           "--header", "X-Api-Key: hunter2-secret", "--header", "Authorization: Bearer hunter3-secret")
    assert "X-Api-Key: [redacted]" in out + err and "hunter" not in out + err
