package dev.holdfast.app.collect;

import dev.holdfast.dataplane.telemetry.Exports;
import io.opentelemetry.common.ComponentLoader;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.GrpcResponse;
import io.opentelemetry.sdk.common.export.GrpcSender;
import io.opentelemetry.sdk.common.export.GrpcSenderConfig;
import io.opentelemetry.sdk.common.export.GrpcSenderProvider;
import io.opentelemetry.sdk.common.export.GrpcStatusCode;
import io.opentelemetry.sdk.common.export.MessageWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** OTLP over gRPC by the connections of the data plane: to whichever endpoint the cluster has now, with its TLS and limits. */
final class PlaneSender implements GrpcSender {
    private final GrpcSenderConfig config;
    private final String cluster;
    private final Exports.Post post;

    private PlaneSender(GrpcSenderConfig config, String cluster, Exports.Post post) {
        this.config = config;
        this.cluster = cluster;
        this.post = post;
    }

    /** For an exporter's builder, which looks for who sends. */
    static ComponentLoader loader(String cluster, Exports.Post post) {
        ComponentLoader others = ComponentLoader.forClassLoader(PlaneSender.class.getClassLoader());
        GrpcSenderProvider provider = config -> new PlaneSender(config, cluster, post);
        return new ComponentLoader() {
            @Override
            public <T> Iterable<T> load(Class<T> type) {
                return type.equals(GrpcSenderProvider.class) ? List.of(type.cast(provider)) : others.load(type);
            }
        };
    }

    @Override
    public void send(MessageWriter message, Consumer<GrpcResponse> then, Consumer<Throwable> failed) {
        ByteArrayOutputStream body = new ByteArrayOutputStream(Math.max(32, message.getContentLength()));
        try {
            message.writeMessage(body);
        } catch (IOException e) {
            failed.accept(e);
            return;
        }
        Map<String, String> headers = new TreeMap<>();
        Map<String, List<String>> given = config.getHeadersSupplier().get();
        if (given != null) {
            given.forEach((name, values) -> headers.put(name, String.join(",", values)));
        }
        Duration timeout = config.getTimeout();
        post.send(cluster, true, "/" + config.getFullMethodName(), headers, body.toByteArray(), timeout)
                .thenAccept(reply -> {
                    if (reply.status() == 0) {
                        failed.accept(new IOException(reply.message()));
                    } else {
                        then.accept(new Said(
                                reply.status() == 200 && reply.grpcStatus() >= 0
                                        ? GrpcStatusCode.fromValue(reply.grpcStatus())
                                        : GrpcStatusCode.UNAVAILABLE,
                                reply.message(),
                                reply.body()));
                    }
                });
    }

    /** The message is nobody's to change any more. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Said(GrpcStatusCode code, String description, byte[] message) implements GrpcResponse {
        @Override
        public GrpcStatusCode getStatusCode() {
            return code;
        }

        @Override
        public String getStatusDescription() {
            return description;
        }

        @Override
        public byte[] getResponseMessage() {
            return message;
        }
    }

    @Override
    public CompletableResultCode shutdown() {
        return CompletableResultCode.ofSuccess();
    }
}
