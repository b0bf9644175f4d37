"""gRPC from the real library: unary, a stream both ways, trailers and status, with prior knowledge on both sides."""
import grpc
import pytest

from lib import manifests
from lib.echo import IDENTITY, grpc_server
from lib.gateway import BOTH_PLANES, Gateway, free_port, wait

pytestmark = BOTH_PLANES

MANIFESTS = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw}}
spec:
  gatewayClassName: c
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: echo}}
spec:
  parentRefs: [{{name: gw}}]
  rules:
    - matches: [{{method: {{service: acme.Echo}}}}]
      backendRefs: [{{name: echo, port: 80}}]
"""

@pytest.fixture
def gateway(tmp_path, plane):
    server, backend = grpc_server()
    port = free_port()
    (tmp_path / "m.yaml").write_text(MANIFESTS.format(port=port))
    with Gateway("-f", tmp_path, "--resolve", f"default/echo=127.0.0.1:{backend}", plane=plane) as running:
        running.ready()
        running.port = port
        yield running
    server.stop(0)


def test_unary_with_trailers(gateway):
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        answer, call = channel.unary_unary("/acme.Echo/Say", IDENTITY, IDENTITY).with_call(b"hello" * 20_000, timeout=20)
        assert answer == b"said " + b"hello" * 20_000
        assert ("x-trailer", "kept") in [(k, v) for k, v in call.trailing_metadata()]


def test_a_status_is_the_backends(gateway):
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/acme.Echo/Refuse", IDENTITY, IDENTITY)(b"", timeout=20)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED and refused.value.details() == "not you"


def test_a_stream_both_ways_is_listed_and_outlives_a_change(gateway, tmp_path):
    import queue
    to_send = queue.Queue()
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        answers = channel.stream_stream("/acme.Echo/Chat", IDENTITY, IDENTITY)(iter(to_send.get, None), timeout=60)
        to_send.put(b"1")
        assert next(answers) == b"heard 1"
        wait(lambda: gateway.streams_open() == 1)
        assert [s["kind"] for s in gateway.json("/api/streams")] == ([] if gateway.plane == "envoy" else ["grpc"])
        file = tmp_path / "m.yaml"
        manifests.replace(file, "{service: acme.Echo}}]", "{service: acme.Echo}}, {method: {service: acme.Other}}]")
        gateway.wait_reload(2)
        to_send.put(b"2")
        assert next(answers) == b"heard 2"
        to_send.put(None)
        assert list(answers) == []
