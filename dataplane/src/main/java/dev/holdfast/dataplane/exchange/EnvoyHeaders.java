package dev.holdfast.dataplane.exchange;

import dev.holdfast.plan.Route;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * What Envoy's router tells of one request in {@code x-envoy-} headers: backends, which try this is, how long an answer is
 * waited for and the path before it was rewritten; the client, how long the backend took. What the client says of these itself
 * is not passed on.
 */
final class EnvoyHeaders {
    private static final String ATTEMPT = "x-envoy-attempt-count";
    private static final String TIMEOUT = "x-envoy-expected-rq-timeout-ms";
    private static final String ORIGINAL_PATH = "x-envoy-original-path";
    private static final String SERVICE_TIME = "x-envoy-upstream-service-time";

    private int attempts;
    private long sentNanos = System.nanoTime();

    /**
     * @param came path and query that were routed by
     * @param goes those that the backend is asked for
     */
    void forward(HttpHeaders headers, Route route, String came, String goes) {
        headers.remove(TIMEOUT);
        headers.remove(ORIGINAL_PATH);
        Duration timeout = least(
                least(route.requestTimeout(), route.backendRequestTimeout()),
                route.traffic().retry().map(r -> r.perTryTimeout()).orElse(Duration.ZERO));
        if (!timeout.isZero()) {
            headers.set(TIMEOUT, Long.toString(timeout.toMillis()));
        }
        if (!came.equals(goes)) {
            headers.set(ORIGINAL_PATH, came);
        }
    }

    /** Zero is no limit. */
    private static Duration least(Duration a, Duration b) {
        return a.isZero() || (!b.isZero() && b.compareTo(a) < 0) ? b : a;
    }

    /** A backend is about to be asked, for the first time or once more. */
    void sends(HttpHeaders headers) {
        attempts++;
        sentNanos = System.nanoTime();
        headers.set(ATTEMPT, Integer.toString(attempts));
    }

    /** The client has sent all of its request; what it took for that is not the backend's time. */
    void whole() {
        sentNanos = System.nanoTime();
    }

    /** A backend's answer has begun. */
    void answered(HttpHeaders headers) {
        headers.set(SERVICE_TIME, Long.toString(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sentNanos)));
    }
}
