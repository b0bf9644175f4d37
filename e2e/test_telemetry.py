"""Traces, metrics and logs to collectors, as the standard OTEL_ variables and EnvoyProxy's telemetry say."""
import asyncio
import concurrent.futures
import http.server
import json
import re
import signal
import threading
import urllib.request

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE as CUMULATIVE
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA as DELTA

from lib.clients import Http2, WebSocket
from lib.gateway import Gateway, free_port, run, wait

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


class GrpcCollector:
    """OTLP and Envoy's access log service, by gRPC; the latter's messages as they came."""

    def __init__(self):
        self.got, self.lines = [], []
        outer = self

        def unary(kind):
            def handle(request, context):
                outer.got.append((kind.FromString(request), dict(context.invocation_metadata())))
                return b""
            return grpc.unary_unary_rpc_method_handler(handle)

        def logs(requests, context):
            outer.lines.extend(requests)
            return b""

        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        services = {
            "opentelemetry.proto.collector.trace.v1.TraceService": {"Export": unary(ExportTraceServiceRequest)},
            "opentelemetry.proto.collector.metrics.v1.MetricsService": {"Export": unary(ExportMetricsServiceRequest)},
            "opentelemetry.proto.collector.logs.v1.LogsService": {"Export": unary(ExportLogsServiceRequest)},
            "envoy.service.accesslog.v3.AccessLogService": {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(logs)},
        }
        self._server.add_generic_rpc_handlers(tuple(grpc.method_handlers_generic_handler(n, h) for n, h in services.items()))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    of, spans, metrics, logs, services = Collector.of, Collector.spans, Collector.metrics, Collector.logs, Collector.services

    def stop(self):
        self._server.stop(0)


PROXY = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: edge}}
spec:
  gatewayClassName: c
  infrastructure: {{parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, name: told}}}}
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{name: told, namespace: edge}}
spec:
  telemetry:
    tracing:
      samplingRate: {rate}
      tags: {{who: "%REQ(X-WHO)%", code: "%RESPONSE_CODE%"}}
      customTags: {{place: {{type: Literal, literal: {{value: cellar}}}}}}
      spanName: {{server: "%REQ(:METHOD)% at %REQ(:AUTHORITY)%", client: "to %UPSTREAM_HOST%"}}
      provider:
        type: {provider}
        serviceName: front-door
        backendRefs: [{{name: collector, port: {collector_port}}}]
    accessLog:
      settings:
        - format: {{type: Text, text: "%REQ(:METHOD)% %REQ(:PATH)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %REQ(X-WHO)%"}}
          matches: ["response.code >= 400 || 'x-who' in request.headers"]
          sinks: [{{type: File, file: {{path: {log}}}}}]
        - format: {{type: JSON, json: {{path: "%REQ(:PATH)%", bare: "%REQ_WITHOUT_QUERY(:PATH)%", code: "%RESPONSE_CODE%", who: "%REQ(X-WHO)%"}}}}
          sinks:
            - type: OpenTelemetry
              openTelemetry: {{backendRefs: [{{name: otlp, port: 4317}}], headers: [{{name: x-tenant, value: home}}], resourceAttributes: {{site: cellar}}}}
            - type: ALS
              als: {{type: HTTP, logName: doors, http: {{requestHeaders: [x-who]}}, backendRefs: [{{name: otlp, port: 4317}}]}}
    metrics:
      clusterStatName: "%ROUTE_NAME%"
      enableRequestResponseSizesStats: true
      sinks: [{{type: OpenTelemetry, openTelemetry: {{backendRefs: [{{name: otlp, port: 4317}}], reportCountersAsDeltas: true}}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: app, namespace: edge}}
spec:
  parentRefs: [{{name: gw}}]
  rules: [{{backendRefs: [{{name: app, port: 80}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: quiet, namespace: edge}}
spec:
  parentRefs: [{{name: gw}}]
  rules: [{{matches: [{{path: {{value: /quiet}}}}], backendRefs: [{{name: app, port: 80}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: quiet, namespace: edge}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: quiet}}]
  telemetry: {{tracing: {{samplingFraction: {{numerator: {quiet}}}, tags: {{quiet: "yes"}}}}}}
"""


class Told:
    """A gateway whose EnvoyProxy names collectors."""

    def __init__(self, folder, backend, collector, plane="embedded", **settings):
        self.port, self.log, self.folder = free_port(), folder / "access.log", folder
        self.settings = {"port": self.port, "log": self.log, "rate": 100, "quiet": 0, "provider": "OpenTelemetry", "collector_port": 4317} | settings
        manifests = folder / "m"
        manifests.mkdir()
        self.file = manifests / "m.yaml"
        self.write()
        self.gateway = Gateway("-f", manifests, "--resolve", f"edge/app=127.0.0.1:{backend.port}", "--resolve", f"edge/otlp=127.0.0.1:{collector.port}",
                               "--resolve", f"edge/collector=127.0.0.1:{self.settings.pop('to', collector.port)}", plane=plane)

    def write(self, **settings):
        self.settings |= settings
        self.file.write_text(PROXY.format(**self.settings))

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status


@pytest.fixture
def told(tmp_path, backend):
    made = []

    def make(collector, **settings):
        made.append(Told(tmp_path, backend, collector, **settings))
        made[-1].gateway.ready()
        return made[-1]

    yield make
    for one in made:
        one.gateway.__exit__()


@pytest.fixture
def otlp():
    made = GrpcCollector()
    yield made
    made.stop()


def test_an_envoy_proxy_says_whom_to_tell(told, otlp, backend):
    gateway = told(otlp)
    assert gateway.get("/a?b=1", **{"x-who": "me", "traceparent": f"00-{TRACE}-{PARENT}-01"}) == 200
    assert gateway.get("/b") == 200
    assert gateway.get("/quiet") == 200

    wait(lambda: len(otlp.spans()) == 4, 30, lambda: str(otlp.spans()))
    server, client = sorted((s for s in otlp.spans() if s.trace_id.hex() == TRACE), key=lambda s: s.kind)
    assert server.parent_span_id.hex() == PARENT and server.name == f"GET at 127.0.0.1:{gateway.port}"
    assert {k: attributes(server).get(k) for k in ("who", "code", "place")} == {"who": "me", "code": "200", "place": "cellar"}
    assert client.parent_span_id == server.span_id and client.name == f"to 127.0.0.1:{backend.port}"
    assert any(f"traceparent: 00-{TRACE}-{client.span_id.hex()}-01" in head for head in backend.heads)
    assert any(re.search(r"GET /quiet[^$]*traceparent: 00-\w+-\w+-0[02]\r\n", head) for head in backend.heads), backend.heads  # not sampled; 2: the number is random
    assert otlp.services() == {"front-door"}

    wait(lambda: gateway.log.exists() and gateway.log.read_text() == "GET /a?b=1 /a 200 - me\n", 10, gateway.gateway.text)
    wait(lambda: len(otlp.logs()) == 3, 30)
    assert [attributes(r) for r in sorted(otlp.logs(), key=lambda r: r.time_unix_nano)] == [
        {"path": "/a?b=1", "bare": "/a", "code": 200, "who": "me"}, {"path": "/b", "bare": "/b", "code": 200},
        {"path": "/quiet", "bare": "/quiet", "code": 200}]
    resource = {a.key: a.value.string_value for m in otlp.of(ExportLogsServiceRequest) for r in m.resource_logs for a in r.resource.attributes}
    assert resource["site"] == "cellar" and resource["service.name"] == "gw.edge"
    assert [h["x-tenant"] for m, h in otlp.got if isinstance(m, ExportLogsServiceRequest)]
    wait(lambda: b"/quiet" in b"".join(otlp.lines), 30)
    assert b"doors" in otlp.lines[0] and b"x-who" in b"".join(otlp.lines)
    wait(lambda: {"holdfast.request.duration", "holdfast.streams.open", "holdfast.bytes.to.client", "holdfast.response.size"} <= otlp.metrics(), 30, lambda: str(otlp.metrics()))
    told = [x for m in otlp.of(ExportMetricsServiceRequest) for r in m.resource_metrics for scope in r.scope_metrics for x in scope.metrics]
    assert {x.sum.aggregation_temporality for x in told if x.name == "holdfast.bytes.to.client"} == {DELTA}
    assert {x.histogram.aggregation_temporality for x in told if x.name == "holdfast.request.duration"} == {CUMULATIVE}
    assert 'cluster="app",route="edge/app"' in gateway.gateway.get("/metrics")[1]
    # What an EnvoyProxy says takes the place of the process's own line.
    assert gateway.gateway.access_log() == []


@pytest.mark.parametrize("plane", ["envoy"], indirect=True)
def test_envoys_tell_the_same_themselves(told, otlp, backend, plane):
    gateway = told(otlp, plane=plane)
    assert "not told names of spans, tags with command operators" in gateway.gateway.text().replace("metrics sinks, which stand in the bootstrap, ", "")
    assert gateway.get("/a?b=1", **{"x-who": "me", "traceparent": f"00-{TRACE}-{PARENT}-01"}) == 200
    assert gateway.get("/quiet") == 200
    assert gateway.get("/b") == 200
    wait(lambda: len(otlp.spans()) == 4, 30, lambda: str(otlp.spans()) + gateway.gateway.text())
    server, client = sorted((s for s in otlp.spans() if s.trace_id.hex() == TRACE), key=lambda s: s.kind)
    assert server.parent_span_id.hex() == PARENT and attributes(server)["place"] == "cellar"
    assert client.parent_span_id == server.span_id
    assert otlp.services() == {"front-door"}
    wait(lambda: gateway.log.exists() and gateway.log.read_text() == "GET /a?b=1 /a 200 - me\n", 20, gateway.gateway.text)
    wait(lambda: len(otlp.logs()) == 3, 30)
    # Each of Envoy's threads sends its own.
    assert any({"path": "/a?b=1", "bare": "/a", "code": "200", "who": "me"}.items() <= attributes(r).items() for r in otlp.logs()), otlp.logs()
    wait(lambda: b"/quiet" in b"".join(otlp.lines), 30)
    assert gateway.gateway.access_log() == []


def test_what_is_told_follows_a_change(told, otlp):
    gateway = told(otlp, rate=0)
    assert gateway.get("/a") == 200
    gateway.write(rate=100, quiet=100)
    gateway.gateway.wait_reload(2)
    assert gateway.get("/quiet") == 200
    wait(lambda: len(otlp.spans()) == 2, 30, lambda: str(otlp.spans()))
    assert {attributes(s).get("quiet") for s in otlp.spans() if s.kind == 2} == {"yes"}


def test_a_file_that_is_moved_away_is_made_anew(told, otlp):
    gateway = told(otlp)
    assert gateway.get("/a", **{"x-who": "first"}) == 200
    wait(lambda: gateway.log.exists() and "first" in gateway.log.read_text(), 10)
    gateway.log.rename(gateway.log.with_name("old.log"))

    def fresh():
        assert gateway.get("/a", **{"x-who": "later"}) == 200
        return gateway.log.exists() and "later" in gateway.log.read_text()
    wait(fresh, 20)
    assert "first" in gateway.log.with_name("old.log").read_text()


class Zipkin(Collector):
    def __init__(self):
        self.spans = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                assert self.path == "/api/v2/spans" and self.headers["content-type"] == "application/json"
                outer.spans.extend(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def test_zipkin(told, otlp, backend):
    zipkin = Zipkin()
    gateway = told(otlp, provider="Zipkin", to=zipkin.port, collector_port=9411)
    assert gateway.get("/a", **{"x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1", "x-who": "me"}) == 200
    wait(lambda: len(zipkin.spans) == 2, 30, lambda: str(zipkin.spans) + gateway.gateway.text())
    server = next(s for s in zipkin.spans if s["kind"] == "SERVER")
    assert (server["traceId"], server["parentId"], server["localEndpoint"]) == (TRACE, PARENT, {"serviceName": "front-door"})
    assert server["tags"]["who"] == "me" and server["duration"] > 0
    client = next(s for s in zipkin.spans if s["kind"] == "CLIENT")
    assert client["parentId"] == server["id"]
    assert any(f"x-b3-spanid: {client['id']}" in head.lower() for head in backend.heads), backend.heads
    assert gateway.get("/b") == 200
    wait(lambda: len(zipkin.spans) == 4, 30)
    assert all(s["traceId"].startswith("0" * 16) for s in zipkin.spans[2:])
    zipkin.stop()


def test_what_ends_as_the_process_stops_is_told_too(told, otlp, go):
    gateway = told(otlp)

    async def talk():
        ws = await WebSocket.connect(gateway.port, "a", headers="x-who: me\r\n")
        await ws.echo("hi")
        gateway.gateway.signal(signal.SIGTERM)
        for _ in range(800):
            if ws.closed:
                break
            await asyncio.sleep(0.05)
        assert ws.closed == 1001
    go(talk())
    assert gateway.gateway.ended() == 0
    stream = next(s for s in otlp.spans() if s.name.startswith("websocket "))
    assert [e.name for e in stream.events] == ["open", "close"] and attributes(stream)["holdfast.reason"] == "shutdown"
    assert gateway.log.read_text().startswith("GET /api/websocket /api/websocket 101 ")
    assert [attributes(r)["path"] for r in otlp.logs()] == ["/api/websocket"]
    assert any(b"/api/websocket" in line for line in otlp.lines)


def test_a_collector_that_is_not_there_costs_no_request(told, otlp):
    gateway = told(otlp, to=free_port())
    assert gateway.get("/a") == 200
    wait(lambda: "OpenTelemetry: Failed to export" in gateway.gateway.text(), 30, gateway.gateway.text)
    assert gateway.get("/a") == 200
    assert "\tat " not in gateway.gateway.text() and "Exception" not in gateway.gateway.text(), gateway.gateway.text()
