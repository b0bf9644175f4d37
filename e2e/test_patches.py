"""EnvoyPatchPolicies: what they change of a real Envoy, and that a bad one leaves what was there."""
import pytest

from lib.clients import page
from lib.gateway import Gateway, offset_for, wait
from lib.manifests import ANY, documents, http_gateway, http_route, ip_backend, ref

pytestmark = pytest.mark.parametrize("plane", ["envoy"], indirect=True)

POLICY = """apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata: {name: patch, namespace: app}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}
  type: JSONPatch
  jsonPatches:
    - type: type.googleapis.com/envoy.config.route.v3.RouteConfiguration
      name: app/gw/http
      operation:
        op: add
        jsonPath: "$.virtual_hosts[*]"
        path: /response_headers_to_add/0
        value: {header: {key: x-patched, value: "yes"}}
    - type: type.googleapis.com/envoy.config.listener.v3.Listener
      name: http-80
      operation:
        op: add
        path: /default_filter_chain/filters/0/typed_config/http_filters/0
        value:
          name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                function envoy_on_response(handle)
                  handle:headers():add("x-lua", "here")
                end
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: httproute/app/web/rule/0
      operation: {op: replace, path: /connect_timeout, value: 3s}
"""


def test_patches_change_what_envoy_does_and_a_bad_one_changes_nothing(tmp_path, backend, plane):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "site.yaml").write_text(documents(http_gateway(), http_route("web", ref("app"), match=ANY), ip_backend("app", backend.port)))
    (folder / "patch.yaml").write_text(POLICY)
    offset = offset_for(80)
    with Gateway("-f", folder, "--port-offset", offset, plane=plane) as gateway:
        gateway.ready()
        gateway.settled()
        wait(lambda: page(80 + offset)[1].get("x-patched") == "yes", what=lambda: page(80 + offset))
        assert page(80 + offset)[1]["x-lua"] == "here"
        (folder / "patch.yaml").write_text(POLICY.replace("path: /connect_timeout", "path: /connect_time"))
        wait(lambda: any("connect_time" in p["message"] for p in gateway.json("/api/problems")), what=gateway.text)
        problem = [p for p in gateway.json("/api/problems") if "connect_time" in p["message"]][0]
        assert "patch.yaml:29:7" in gateway.text(), gateway.text()
        assert problem["severity"].lower() == "error"
        assert page(80 + offset)[1]["x-patched"] == "yes"
        (folder / "patch.yaml").unlink()
        wait(lambda: "x-patched" not in page(80 + offset)[1], what=gateway.text)
