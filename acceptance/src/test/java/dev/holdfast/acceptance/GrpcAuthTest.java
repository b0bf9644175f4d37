package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.BoolValue;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.holdfast.dataplane.DataPlane;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.plan.Plan;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.testkit.conversation.Http1Client;
import dev.holdfast.testkit.fakes.TellingBackend;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.DeniedHttpResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import io.envoyproxy.envoy.type.v3.StatusCode;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The gateway asks a gRPC server made of Envoy's own protocol classes, so that both must mean the same by each field. */
final class GrpcAuthTest {
    private final AtomicReference<CheckResponse> verdict = new AtomicReference<>();
    private final AtomicReference<CheckRequest> asked = new AtomicReference<>();
    private Server server;
    private TellingBackend backend;
    private DataPlane plane;
    private int port;

    private static final String MANIFESTS = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: app}
            spec:
              gatewayClassName: holdfast
              listeners: [{name: http, port: %d, protocol: HTTP}]
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: web, namespace: app}
            spec:
              parentRefs: [{name: gw}]
              rules: [{backendRefs: [{name: web, port: 80}]}]
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: SecurityPolicy
            metadata: {name: s, namespace: app}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
              extAuth:
                bodyToExtAuth: {maxRequestBytes: 100}
                contextExtensions: [{name: tenant, type: Value, value: blue}]
                grpc: {backendRefs: [{name: auth, port: 9000}]}
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata: {name: t, namespace: app}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
              rateLimit:
                type: Local
                local:
                  rules:
                    - limit: {requests: 10, unit: Hour}
                      cost: {request: {from: Metadata, metadata: {namespace: envoy.filters.http.ext_authz, key: "plan:cost"}}}
            """;

    @BeforeEach
    void start() throws IOException {
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(new AuthorizationGrpc.AuthorizationImplBase() {
                    @Override
                    public void check(CheckRequest request, StreamObserver<CheckResponse> to) {
                        asked.set(request);
                        CheckResponse answer = verdict.get();
                        if (answer == null) {
                            to.onError(Status.INTERNAL.asRuntimeException());
                            return;
                        }
                        to.onNext(answer);
                        to.onCompleted();
                    }
                })
                .build()
                .start();
        backend = new TellingBackend("web");
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        plane = new DataPlane(new SimpleMeterRegistry(), AccessLog.off(), 1);
        Plan plan = Translator.translate(
                ManifestReader.readText("m.yaml", MANIFESTS.formatted(port)).resources(),
                new TranslateOptions(
                        0,
                        Map.of(
                                "app/web", "127.0.0.1:" + backend.port(),
                                "app/auth", "127.0.0.1:" + server.getPort())));
        assertThat(plane.apply(plan).problems()).isEmpty();
    }

    @AfterEach
    void stop() {
        plane.close();
        backend.close();
        server.shutdownNow();
    }

    private Http1Client.Answer ask(String request) throws IOException {
        try (Http1Client client = Http1Client.plain(port)) {
            client.send(request);
            return client.answer(false);
        }
    }

    private static HeaderValueOption header(String name, String value, boolean append) {
        return HeaderValueOption.newBuilder()
                .setHeader(HeaderValue.newBuilder().setKey(name).setValue(value))
                .setAppend(BoolValue.of(append))
                .build();
    }

    @Test
    void theServerSeesTheRequestAndWhatItChangesReachesBackendAndClient() throws IOException {
        verdict.set(CheckResponse.newBuilder()
                .setStatus(com.google.rpc.Status.newBuilder().setCode(0))
                .setOkResponse(OkHttpResponse.newBuilder()
                        .addHeaders(header("x-user", "ann", false))
                        .addHeaders(header("x-more", "2", true))
                        .addHeaders(header("host", "evil", false))
                        .addHeadersToRemove("x-drop")
                        .addResponseHeadersToAdd(header("x-to-client", "yes", false)))
                .build());
        Http1Client.Answer answer =
                ask("POST /p?q=1 HTTP/1.1\r\nhost: a.test\r\nx-user: root\r\nx-more: 1\r\nx-drop: d\r\n"
                        + "content-length: 5\r\n\r\nhello");
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.headers()).containsEntry("x-to-client", "yes");
        assertThat(answer.body())
                .contains("x-user: ann", "x-more: 1", "x-more: 2", "host: a.test")
                .doesNotContain("root", "x-drop", "evil");
        AttributeContext context = asked.get().getAttributes();
        AttributeContext.HttpRequest http = context.getRequest().getHttp();
        assertThat(http.getMethod()).isEqualTo("POST");
        assertThat(http.getPath()).isEqualTo("/p?q=1");
        assertThat(http.getHost()).isEqualTo("a.test");
        assertThat(http.getScheme()).isEqualTo("http");
        assertThat(http.getBody()).isEqualTo("hello");
        assertThat(http.getRawBody().toStringUtf8()).isEqualTo("hello");
        assertThat(http.getSize()).isEqualTo(5);
        assertThat(http.getHeadersMap())
                .containsEntry("x-user", "root")
                .containsEntry(":authority", "a.test")
                .containsEntry(":path", "/p?q=1");
        assertThat(context.getSource().getAddress().getSocketAddress().getAddress())
                .isEqualTo("127.0.0.1");
        assertThat(context.getContextExtensionsMap()).containsEntry("tenant", "blue");
    }

    @Test
    void aDenialIsAnsweredAsTheServerSays() throws IOException {
        verdict.set(CheckResponse.newBuilder()
                .setStatus(com.google.rpc.Status.newBuilder().setCode(7))
                .setDeniedResponse(DeniedHttpResponse.newBuilder()
                        .setStatus(HttpStatus.newBuilder().setCode(StatusCode.PaymentRequired))
                        .addHeaders(header("x-why", "unpaid", false))
                        .setBody("pay first"))
                .build());
        Http1Client.Answer answer = ask("GET /p HTTP/1.1\r\nhost: a.test\r\n\r\n");
        assertThat(answer.status()).isEqualTo(402);
        assertThat(answer.body()).isEqualTo("pay first");
        assertThat(answer.headers())
                .containsEntry("x-why", "unpaid")
                .containsEntry("x-holdfast-reason", "ext_auth_denied");
    }

    @Test
    void aDenialWithoutMoreIs403AndAFailureToo() throws IOException {
        verdict.set(CheckResponse.newBuilder()
                .setStatus(com.google.rpc.Status.newBuilder().setCode(16))
                .build());
        assertThat(List.of(ask("GET /p HTTP/1.1\r\nhost: a.test\r\n\r\n").status()))
                .containsExactly(403);
        verdict.set(null);
        Http1Client.Answer failed = ask("GET /p HTTP/1.1\r\nhost: a.test\r\n\r\n");
        assertThat(failed.status()).isEqualTo(403);
        assertThat(failed.headers()).containsEntry("x-holdfast-reason", "ext_auth_failed");
    }

    /** {@code {"other": [1], "plan": {"cost": cost}}}, and what is no text or number beside it. */
    private static CheckResponse telling(Value cost) {
        return CheckResponse.newBuilder()
                .setStatus(com.google.rpc.Status.newBuilder().setCode(0))
                .setDynamicMetadata(Struct.newBuilder()
                        .putFields(
                                "other",
                                Value.newBuilder()
                                        .setListValue(ListValue.newBuilder()
                                                .addValues(Value.newBuilder().setNumberValue(1)))
                                        .build())
                        .putFields(
                                "plan",
                                Value.newBuilder()
                                        .setStructValue(Struct.newBuilder()
                                                .putFields(
                                                        "none",
                                                        Value.newBuilder()
                                                                .setNullValue(NullValue.NULL_VALUE)
                                                                .build())
                                                .putFields("cost", cost))
                                        .build()))
                .build();
    }

    private static Value number(double number) {
        return Value.newBuilder().setNumberValue(number).build();
    }

    @Test
    void whatTheServerTellsIsWhatARequestSpends() throws IOException {
        String request = "GET /p HTTP/1.1\r\nhost: a.test\r\n\r\n";
        verdict.set(telling(number(3)));
        assertThat(ask(request).headers()).containsEntry("x-ratelimit-remaining", "7");
        verdict.set(telling(Value.newBuilder().setStringValue("6").build()));
        assertThat(ask(request).headers()).containsEntry("x-ratelimit-remaining", "1");
        verdict.set(telling(number(2)));
        assertThat(ask(request).status()).isEqualTo(429);
        verdict.set(telling(Value.newBuilder().setBoolValue(true).build()));
        assertThat(ask(request).headers()).doesNotContainKey("x-ratelimit-remaining");
    }

    @Test
    void whatTheServerTellsMayNotBeNestedWithoutEnd() throws IOException {
        Value deep = number(1);
        for (int i = 0; i < 90; i++) {
            deep = Value.newBuilder()
                    .setStructValue(Struct.newBuilder().putFields("a", deep))
                    .build();
        }
        verdict.set(telling(deep));
        assertThat(ask("GET /p HTTP/1.1\r\nhost: a.test\r\n\r\n").headers())
                .containsEntry("x-holdfast-reason", "ext_auth_failed");
    }
}
