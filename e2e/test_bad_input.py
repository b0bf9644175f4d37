"""Whatever is wrong is named with its place, and what serves goes on serving."""
import json
import socket

import pytest

from lib import manifests
from lib.gateway import BOTH_PLANES, Gateway, ROOT, free_port, run, wait


def start(*args):
    return run("run", "--admin", "127.0.0.1:0", *args)


def no_stack_trace(text):
    assert "\tat " not in text and "Exception" not in text, text


def test_a_missing_file(tmp_path):
    code, out, err = start("-f", tmp_path / "nowhere.yaml")
    assert code == 2 and "nowhere.yaml" in err
    no_stack_trace(err)


def test_an_empty_folder(tmp_path):
    code, out, err = start("-f", tmp_path)
    assert code == 2 and str(tmp_path) in err
    no_stack_trace(err)


GATEWAY = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: c
  listeners:
"""


@pytest.mark.parametrize("text,place,words", [
    ("a: [1, 2\nb: c\n", ":2:", "SYNTAX"),
    ("apiVersion: v1\nkind: [Gateway\n", ":", "SYNTAX"),
    (GATEWAY + "    - {name: http, port: 80, protocol: HTTP, colour: red}\n", "m.yaml:7:", "UNKNOWN_FIELD"),
    (GATEWAY + "    - {name: http, port: eighty, protocol: HTTP}\n", "m.yaml:7:", "WRONG_TYPE"),
    (GATEWAY + "    - {name: a, port: 80, protocol: HTTP}\n    - {name: b, port: 80, protocol: HTTP}\n", "m.yaml:8:", "LISTENER_CONFLICT"),
    (GATEWAY + "    - {name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: none}]}}\n", "m.yaml:7:", "Secret default/none does not exist"),
    ("kind: Gateway\n", "m.yaml:1:", "apiVersion"),
    ("hello\n", "m.yaml:1:", "mapping"),
])
def test_a_broken_set_is_refused_at_start(tmp_path, text, place, words):
    file = tmp_path / "m.yaml"
    file.write_text(text)
    code, out, err = start("-f", file)
    assert code == 1 and place in err and words in err, err
    no_stack_trace(err)


def test_an_unknown_kind_is_listed_and_not_fatal(tmp_path):
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n---\n"
    (tmp_path / "m.yaml").write_text(widget + GATEWAY + f"    - {{name: a, port: {free_port()}, protocol: HTTP}}\n")
    with Gateway("-f", tmp_path) as gateway:
        gateway.ready()
        assert [p["code"] for p in gateway.json("/api/problems") if "Widget" in json.dumps(p)] == ["UNKNOWN_KIND"]
        assert "Widget" in gateway.text()
        no_stack_trace(gateway.text())


def test_a_port_in_use_is_named_by_its_listener_and_nothing_is_half_started(tmp_path):
    with socket.socket() as taken, socket.socket() as probe:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        port = taken.getsockname()[1]
        (tmp_path / "m.yaml").write_text(GATEWAY + f"    - {{name: free, port: {free}, protocol: HTTP}}\n    - {{name: taken, port: {port}, protocol: HTTP}}\n")
        code, out, err = start("-f", tmp_path)
    assert code == 2 and "default/gw/taken" in err and str(port) in err
    no_stack_trace(err)
    with socket.socket() as again:
        again.bind(("127.0.0.1", free))


def test_the_seeds_snippets_as_printed_name_the_line_and_the_lines_to_add(tmp_path):
    folder = manifests.copy_example("websocket", tmp_path)
    for name in ("1-client-traffic-policy.yaml", "2-backend-traffic-policy.yaml"):
        (folder / name).write_text((ROOT / "examples/as-printed" / name).read_text())
    code, out, err = start("-f", folder, "--dev-tls")
    assert code == 1
    for name in ("1-client-traffic-policy.yaml:", "2-backend-traffic-policy.yaml:"):
        assert name in err
    assert err.count("either targetRef or targetRefs must be used") == 2 and "kind: Gateway" in err and "name: envoy" in err


@BOTH_PLANES
def test_a_broken_change_is_refused_and_the_last_good_plan_serves(seed):
    import urllib.request
    file = seed.folder / "route.yaml"
    good = file.read_text()
    manifests.write(file, good.replace("backendRefs:", "backendRef:"))
    seed.gateway.wait_reload(2)
    assert seed.gateway.reloads()[0]["applied"] is False
    assert any(p["code"] == "UNKNOWN_FIELD" and "route.yaml" in p["position"]["file"] for p in seed.gateway.json("/api/problems"))
    request = urllib.request.Request(f"http://127.0.0.1:{seed.http}/", headers={"host": seed.host})
    assert urllib.request.urlopen(request).status == 200
    manifests.write(file, good)
    wait(lambda: not [p for p in seed.gateway.json("/api/problems") if p["severity"] == "ERROR"])


@BOTH_PLANES
def test_a_half_written_file_is_waited_out(seed):
    """Written in place in two halves: neither a refused nor a shrunken plan in between."""
    import time
    file = seed.folder / "route.yaml"
    text = file.read_text()
    for _ in range(5):
        with open(file, "w") as out:
            out.write(text[: len(text) // 2])
            out.flush()
            time.sleep(0.3)
            out.write(text[len(text) // 2:])
    time.sleep(1.5)
    assert [r for r in seed.gateway.reloads() if not r["applied"]] == []
    assert len(seed.gateway.reloads()) == 1


@BOTH_PLANES
def test_a_service_without_endpoints_answers_503_with_the_reason(tmp_path, plane):
    import http.client
    port = free_port()
    (tmp_path / "m.yaml").write_text(GATEWAY + f"    - {{name: a, port: {port}, protocol: HTTP}}\n---\n" + """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: []
""")
    with Gateway("-f", tmp_path, plane=plane) as gateway:
        gateway.ready()
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["x-holdfast-reason"]) == (503, "no_endpoints")
        assert "NO_ENDPOINTS" in gateway.text()


@pytest.mark.parametrize("option,args", [
    ("-f", []), ("-f", ["-f"]), ("--port-offset", ["--port-offset", "many"]), ("--resolve", ["--resolve", "nonsense"]),
    ("--colour", ["--colour"]), ("--admin", ["--admin", "nonsense"]),
])
def test_wrong_usage_exits_2_and_names_the_option(option, args):
    """Beside a folder that is well, so that nothing else can be what is wrong."""
    folder = [] if option == "-f" else ["-f", ROOT / "examples" / "websocket"]
    code, out, err = run("run", *args, *folder)
    assert code == 2 and option in err, err
    no_stack_trace(err)
