"""EnvoyExtensionPolicies on a real Envoy: Lua and an external processor over gRPC, on pages and on WebSockets."""
import json
import subprocess

import pytest

from lib.clients import page
from lib.gateway import Gateway, offset_for, wait
from lib.telling import Telling
from lib.xds import java

pytestmark = pytest.mark.parametrize("plane", ["envoy"], indirect=True)

LUA = """lua:
    - type: Inline
      inline: |
        function envoy_on_request(handle)
          handle:headers():add("x-lua", handle:filterContext():get("word"))
          if handle:headers():get("x-stop") then
            handle:respond({[":status"] = "418"}, "stopped")
          end
        end
      filterContext: {word: first}
    - type: ValueRef
      valueRef: {group: "", kind: ConfigMap, name: code}"""
PROCESSOR = """extProc:
    - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: processor}]
      processingMode: {request: {}, response: {}}"""


@pytest.fixture
def services():
    process = subprocess.Popen([*java("xds"), "dev.holdfast.xds.ServicesMain"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline().split()[1])
    process.stdin.close()
    process.wait(20)


def route(name, policy):
    return f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: app}}
spec:
  parentRefs: [{{name: gw}}]
  rules:
    - matches: [{{path: {{value: /{name}}}}}]
      backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: app}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {{name: {name}, namespace: app}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {name}}}]
  {policy}
"""


def manifests(backend, processor):
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: app}}
spec:
  gatewayClassName: holdfast
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: app, namespace: app}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {backend}}}}}]}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: processor, namespace: app}}
spec: {{appProtocols: [gateway.envoyproxy.io/h2c], endpoints: [{{ip: {{address: 127.0.0.1, port: {processor}}}}}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: code, namespace: app}}
data:
  lua: |
    function envoy_on_request(handle)
      handle:headers():add("x-lua", "second")
    end
    function envoy_on_response(handle)
      handle:headers():add("x-seen", "by lua")
    end
""" + route("lua", LUA) + route("both", LUA + "\n  " + PROCESSOR) + route("processor", PROCESSOR) + route("image", "wasm: [{code: {type: Image, image: {url: example.org/a:1}}}]")


def test_extensions_see_requests_and_answers(tmp_path, plane, services):
    backend = Telling()
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "m.yaml").write_text(manifests(backend.port, services))
    offset = offset_for(80)
    with Gateway("-f", folder, "--port-offset", offset, plane=plane) as gateway:
        gateway.ready()

        def ask(path, **headers):
            status, answer, body = page(80 + offset, path=path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            told = [[k.lower(), v] for k, v in json.loads(body)["headers"]] if body.startswith(b"{") else []
            return status, answer, told

        wait(lambda: ask("/lua")[0] == 200, what=gateway.text)
        status, answer, told = ask("/lua")
        assert [v for k, v in told if k == "x-lua"] in (["first", "second"], ["first,second"]) and answer["x-seen"] == "by lua"
        assert ask("/lua", x_stop="1")[0] == 418
        wait(lambda: ask("/processor")[0] == 200, what=gateway.text)
        for path in ("/processor", "/both"):
            status, answer, told = ask(path)
            assert ["x-processed", "yes"] in told and answer["x-answered"] == "yes", (path, answer, told)
            assert ask(path, x_deny="1")[0] == 403
        status, answer, _ = ask("/image")
        assert status == 500
        problems = [p["message"] for p in gateway.json("/api/problems")]
        assert any("not carried out" in p for p in problems) and not any("refused" in p for p in problems), problems
    backend.stop()
