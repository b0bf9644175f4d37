package dev.holdfast.dataplane.telemetry;

import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.OpenTelemetry;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** What talks to collectors, in libraries that the data plane does without. */
public interface Exports {
    /** Where nobody is told. */
    Exports NONE = new Exports() {
        @Override
        public OpenTelemetry spans(Telemetry.Provider to, Post by) {
            return OpenTelemetry.noop();
        }

        @Override
        public Sink log(Telemetry.Sink to, Post by) {
            return entry -> {};
        }

        @Override
        public CompletableFuture<Void> metrics(Collection<Telemetry.Metrics> to, Post by) {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletableFuture<Void> forget(OpenTelemetry spans) {
            return CompletableFuture.completedFuture(null);
        }
    };

    /** Makes spans that go {@code to} there. */
    OpenTelemetry spans(Telemetry.Provider to, Post by);

    /** Takes lines that go {@code to} there. */
    Sink log(Telemetry.Sink to, Post by);

    /** Sends the metrics of the process to these from now on, and to no others; done when the others have been sent the last. */
    CompletableFuture<Void> metrics(Collection<Telemetry.Metrics> to, Post by);

    /** No more spans are made by it. Takes its time elsewhere; done when what was left has been sent, or given up. */
    CompletableFuture<Void> forget(OpenTelemetry spans);

    /** Takes lines of an access log, in the thread that writes them. */
    interface Sink extends AutoCloseable {
        void line(Entry entry);

        @Override
        default void close() {}
    }

    /** Sends one request to a cluster of the plan, by the same connections and limits as everybody's. */
    interface Post {
        /** Never fails: a reply without a status says why there is none. */
        CompletableFuture<Reply> send(
                String cluster, boolean grpc, String path, Map<String, String> headers, byte[] body, Duration timeout);
    }

    /**
     * @param status of HTTP, 0 where there is no answer
     * @param grpcStatus as the answer says, -1 where it does not
     * @param body of the answer, without gRPC's prefix
     */
    record Reply(int status, int grpcStatus, String message, byte[] body) {}
}
