"""EnvoyExtensionPolicies on a real Envoy: Lua and an external processor over gRPC, on pages and on WebSockets."""
import json

import pytest

from lib.clients import page
from lib.gateway import Gateway, offset_for, wait
from lib.manifests import documents, http_gateway, http_route, ip_backend, policy, ref

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


CODE = """apiVersion: v1
kind: ConfigMap
metadata: {name: code, namespace: app}
data:
  lua: |
    function envoy_on_request(handle)
      handle:headers():add("x-lua", "second")
    end
    function envoy_on_response(handle)
      handle:headers():add("x-seen", "by lua")
    end
"""
EXTENSIONS = {"lua": LUA, "both": LUA + "\n  " + PROCESSOR, "processor": PROCESSOR, "image": "wasm: [{code: {type: Image, image: {url: example.org/a:1}}}]"}


def manifests(backend, processor):
    routes = (documents(http_route(name, ref("app")), policy("EnvoyExtensionPolicy", name, said)) for name, said in EXTENSIONS.items())
    return documents(
        http_gateway(), ip_backend("app", backend), ip_backend("processor", processor, more="  appProtocols: [gateway.envoyproxy.io/h2c]\n"), CODE, *routes)


def test_extensions_see_requests_and_answers(tmp_path, plane, telling, services):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "m.yaml").write_text(manifests(telling.port, services.port))
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
