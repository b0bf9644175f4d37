"""A server that decides is told the policy's own words with each question, on both planes."""
import concurrent.futures

import grpc
import pytest

from lib.gateway import BOTH_PLANES, Gateway, free_port
from lib.manifests import ANY, documents, http_gateway, http_route, policy, service
from lib.openid import Browser

pytestmark = BOTH_PLANES


def manifests(port, fail_open="false", tenant="blue house"):
    return documents(
        http_gateway(port), http_route("web", "{name: app, port: 80}", match=ANY), service("app"), service("auth", "port: 9000, appProtocol: kubernetes.io/h2c"),
        policy("SecurityPolicy", "web", f"""extAuth:
    failOpen: {fail_open}
    contextExtensions: [{{name: tenant, type: Value, value: "{tenant}"}}]
    grpc: {{backendRefs: [{{name: auth, port: 9000}}]}}"""))


# CheckResponse{status{code: PERMISSION_DENIED}, denied_response{status{code: 403}}}
DENIED = bytes([0x0A, 2, 8, 7, 0x12, 5, 0x0A, 3, 8, 0x93, 3])
ALLOWED = b""


class Decider:
    """Lets whoever's question has the word pass."""

    def __init__(self, word):
        self.asked = []

        def check(request, context):
            self.asked.append(request)
            return ALLOWED if word in request else DENIED

        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", handlers),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def stop(self):
        self.server.stop(0)


@pytest.fixture
def decider():
    made = Decider(b"blue house")
    yield made
    made.stop()


@pytest.fixture
def start(tmp_path, decider, telling, plane):
    made = []

    def go():
        port, file = free_port(), tmp_path / "m.yaml"
        write = lambda **said: file.write_text(manifests(port, **said))
        write()
        made.append(Gateway("-f", file, "--resolve", f"app/app=127.0.0.1:{telling.port}", "--resolve", f"app/auth=127.0.0.1:{decider.port}", plane=plane))
        made[-1].ready()
        return made[-1], Browser(port), write
    yield go
    for one in made:
        one.__exit__()


def test_a_server_is_told_the_policys_words_and_others_after_a_change(start, decider):
    gateway, client, write = start()
    assert client.get("/").status == 200
    assert b"tenant" in decider.asked[-1]
    write(tenant="red house")
    gateway.wait_reload(2)
    assert client.get("/").status == 403
    assert b"red house" in decider.asked[-1]
    if gateway.plane == "envoy":
        assert not any("filter chain" in line for line in gateway.err), gateway.text()


def test_where_it_cannot_be_asked_the_policy_says_who_passes(start, decider):
    decider.stop()
    gateway, client, write = start()
    answer = client.get("/")
    assert (answer.status, answer.getheader("x-holdfast-reason")) == (403, "ext_auth_failed")
    write(fail_open="true")
    gateway.wait_reload(2)
    assert client.get("/").status == 200
