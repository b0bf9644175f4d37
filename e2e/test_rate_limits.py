"""Global rate limits: Envoy asks a service over gRPC, which is told by what the policy's rules say."""
import pytest

from lib.clients import page
from lib.gateway import Gateway, offset_for, run, wait
from lib.manifests import ANY, documents, http_gateway, http_route, ip_backend, policy, ref

pytestmark = pytest.mark.parametrize("plane", ["envoy"], indirect=True)

LIMITS = """rateLimit:
    type: Global
    global:
      rules:
        - clientSelectors: [{headers: [{name: x-user, type: Distinct}]}]
          limit: {requests: 2, unit: Hour}
        - clientSelectors: [{path: {value: /dear}}]
          limit: {requests: 2, unit: Hour}
          shared: true
        - clientSelectors: [{path: {value: /told}}]
          limit: {requests: 2, unit: Hour}
          cost:
            request: {from: Number, number: 0}
            response: {from: Number, number: 3}"""


def manifests(backend):
    return documents(http_gateway(), http_route("web", ref("app"), match=ANY), ip_backend("app", backend), policy("BackendTrafficPolicy", "web", LIMITS, name="limits"))


def test_a_service_counts_what_the_rules_say(tmp_path, plane, telling, services):
    address = f"127.0.0.1:{services.port}"
    (tmp_path / "m.yaml").write_text(manifests(telling.port))
    offset = offset_for(80)
    code, configuration, err = run("translate", "-f", tmp_path, "--rate-limit-service", address, "--to", "ratelimit")
    assert code == 0, err
    assert 'value: "app/web/0/0"' in configuration and "requests_per_unit: 2" in configuration and "not carried out" not in err, (configuration, err)
    code, _, err = run("translate", "-f", tmp_path, "--to", "xds")
    assert "rateLimit.global" in err
    with Gateway("-f", tmp_path, "--port-offset", offset, "--rate-limit-service", address, plane=plane) as gateway:
        gateway.ready()

        def ask(path="/", **headers):
            return page(80 + offset, path=path, headers={k.replace("_", "-"): v for k, v in headers.items()})

        wait(lambda: ask()[0] == 200, what=gateway.text)
        # A service that has just begun may not answer the first in time, and then it passes.
        wait(lambda: ask(x_user="first")[0] == 429, what=gateway.text)
        assert [ask(x_user="ada")[0] for _ in range(3)] == [200, 200, 429]
        assert ask(x_user="bea")[0] == 200
        assert ask(x_user="ada")[1]["x-holdfast-reason"] == "rate_limited"
        assert [ask("/dear")[0] for _ in range(3)] == [200, 200, 429]
        # What an answer costs is told when it has been given: the first passes, and all that was left is gone.
        assert ask("/told")[0] == 200
        wait(lambda: ask("/told")[0] == 429, what=gateway.text)
        assert ask()[0] == 200
    told = services.end()
    assert "holdfast rule=app/web/0/0,c1=ada" in told and "holdfast rule=app/limits/0,c1=1" in told, told
    assert "holdfast rule=app/web/0/1,c1=1 x0" in told and "holdfast rule=app/web/0/1,c1=1 x3" in told, told
