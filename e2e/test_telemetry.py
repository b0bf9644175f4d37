"""Traces, metrics and logs by OTLP to a collector, as the standard OTEL_ variables say."""
import asyncio
import http.server
import threading

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib.clients import Http2, WebSocket
from lib.gateway import free_port, run, wait

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest, "/v1/logs": ExportLogsServiceRequest}


class Collector:
    """OTLP by HTTP with protobuf bodies (OpenTelemetry Protocol 1.x, "OTLP/HTTP")."""

    def __init__(self):
        self.got = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                message = KINDS[self.path]()
                message.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
                outer.got.append((message, dict(self.headers)))
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, kind):
        return [m for m, _ in list(self.got) if isinstance(m, kind)]

    def spans(self):
        return [s for m in self.of(ExportTraceServiceRequest) for r in m.resource_spans for scope in r.scope_spans for s in scope.spans]

    def metrics(self):
        return {x.name for m in self.of(ExportMetricsServiceRequest) for r in m.resource_metrics for scope in r.scope_metrics for x in scope.metrics}

    def logs(self):
        return [x for m in self.of(ExportLogsServiceRequest) for r in m.resource_logs for scope in r.scope_logs for x in scope.log_records]

    def services(self):
        return {a.value.string_value for m in self.of(ExportTraceServiceRequest) for r in m.resource_spans for a in r.resource.attributes if a.key == "service.name"}

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.stop()


def attributes(of):
    return {a.key: a.value.string_value or a.value.int_value for a in of.attributes}


SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "300"}


def test_requests_and_streams_are_told_to_a_collector(seed_with, collector, go, backend, monkeypatch):
    for name, value in {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}", "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=home"}.items():
        monkeypatch.setenv(name, value)
    (seed_with.folder / "1-client-traffic-policy.yaml").unlink()
    seed = seed_with()

    async def traffic():
        h2 = await Http2.connect(seed.https, seed.host)
        await h2.get("/traced?token=hush", [("traceparent", f"00-{TRACE}-{PARENT}-01")])
        ws = await WebSocket.connect(seed.https, seed.host, tls=True)
        await ws.echo("hello")
        await ws.aclose()
        await h2.aclose()
        await asyncio.to_thread(wait, lambda: len(collector.spans()) == 3, 30, lambda: str(collector.spans()))

    go(traffic())
    page, handshake, stream = sorted(collector.spans(), key=lambda s: (s.trace_id.hex() != TRACE, s.start_time_unix_nano))
    assert (page.trace_id.hex(), page.parent_span_id.hex(), page.name) == (TRACE, PARENT, "GET home-automation/home-assistant-internal")
    assert attributes(page)["http.response.status_code"] == 200 and attributes(page)["network.protocol.version"] == "2"
    assert any(f"traceparent: 00-{TRACE}-{page.span_id.hex()}-01" in head for head in backend.heads)
    assert attributes(handshake)["http.response.status_code"] == 101
    assert (stream.parent_span_id, stream.name) == (handshake.span_id, "websocket home-automation/home-assistant-internal")
    assert [e.name for e in stream.events] == ["open", "close"]
    assert collector.services() == {"holdfast"}
    assert all(headers["x-tenant"] == "home" for _, headers in collector.got)

    wait(lambda: {"holdfast.request.duration", "holdfast.streams.open"} <= collector.metrics(), 30, lambda: str(collector.metrics()))
    wait(lambda: {attributes(r).get("event") for r in collector.logs()} >= {"request", "stream_open", "stream_close"}, 30)
    assert "hush" not in str(collector.got)
    # What Prometheus is told does not change with it.
    assert "holdfast_request_duration" in seed.gateway.get("/metrics")[1]


def test_a_collector_that_is_not_there_is_a_line_and_no_more(seed_with, go, monkeypatch):
    for name, value in {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}.items():
        monkeypatch.setenv(name, value)
    seed = seed_with()

    async def traffic():
        h2 = await WebSocket.connect(seed.https, seed.host, tls=True)
        await h2.echo("hello")
        await h2.aclose()

    go(traffic())
    wait(lambda: "WARN OpenTelemetry: " in seed.gateway.text(), 30, seed.gateway.text)
    assert "\tat " not in seed.gateway.text() and "Exception" not in seed.gateway.text(), seed.gateway.text()


def test_a_variable_that_cannot_be_used_is_said(example, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeons")
    status, out, err = run("run", "-f", example, "--port-offset", "40000", "--dev-tls", "--admin", "127.0.0.1:0")
    assert status == 2 and "pigeons" in err and "Exception" not in err and "\tat " not in err, err
