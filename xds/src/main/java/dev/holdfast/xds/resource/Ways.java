package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.RouteTraffic;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.route.v3.RetryPolicy;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSession;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute;
import io.envoyproxy.envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState;
import io.envoyproxy.envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState;
import io.envoyproxy.envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig;
import io.envoyproxy.envoy.type.http.v3.Cookie;
import java.time.Duration;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The way to a backend: again where it failed, to the same endpoint as before, to others as well. */
final class Ways {
    /** Of a request's body, kept for another try; as in the embedded plane. */
    static final int KEPT_BYTES = 65_536;

    private Ways() {}

    /** @param time of one try where the retry has none of its own; zero for none */
    static RetryPolicy retry(RouteTraffic.Retry retry, Duration time) {
        RetryPolicy.Builder out = RetryPolicy.newBuilder()
                .setRetryOn(
                        new TreeSet<>(retry.triggers()).stream().map(Ways::word).collect(Collectors.joining(",")))
                .setNumRetries(Proto.count(retry.times()));
        new TreeSet<>(retry.statuses()).forEach(out::addRetriableStatusCodes);
        if (retry.triesPerLevel() > 0) {
            out.setRetryPriority(RetryPolicy.RetryPriority.newBuilder()
                    .setName("envoy.retry_priorities.previous_priorities")
                    .setTypedConfig(Proto.any(PreviousPrioritiesConfig.newBuilder()
                            .setUpdateFrequency(retry.triesPerLevel())
                            .build())));
        }
        Duration each = retry.perTryTimeout().isZero() ? time : retry.perTryTimeout();
        if (!each.isZero()) {
            out.setPerTryTimeout(Proto.duration(each));
        }
        Duration base = retry.backOff();
        if (!base.isZero()) {
            Duration most = retry.maxBackOff().compareTo(base) < 0 ? base : retry.maxBackOff();
            out.setRetryBackOff(RetryPolicy.RetryBackOff.newBuilder()
                    .setBaseInterval(Proto.duration(base))
                    .setMaxInterval(Proto.duration(most)));
        }
        return out.build();
    }

    private static String word(RouteTraffic.Trigger trigger) {
        return switch (trigger) {
            case SERVER_ERROR -> "5xx";
            case GATEWAY_ERROR -> "gateway-error";
            case RESET -> "reset";
            case RESET_BEFORE_REQUEST -> "reset-before-request";
            case CONNECT_FAILURE -> "connect-failure";
            case CONFLICT -> "retriable-4xx";
            case REFUSED_STREAM -> "refused-stream";
            case STATUSES -> "retriable-status-codes";
            case GRPC_CANCELLED -> "cancelled";
            case GRPC_DEADLINE_EXCEEDED -> "deadline-exceeded";
            case GRPC_INTERNAL -> "internal";
            case GRPC_RESOURCE_EXHAUSTED -> "resource-exhausted";
            case GRPC_UNAVAILABLE -> "unavailable";
        };
    }

    static RouteAction.RequestMirrorPolicy mirror(RouteTraffic.Mirror mirror) {
        return RouteAction.RequestMirrorPolicy.newBuilder()
                .setCluster(mirror.cluster())
                .setRuntimeFraction(Proto.runtimePercent(mirror.percent()))
                .setTraceSampled(BoolValue.of(false))
                .setDisableShadowHostSuffixAppend(true)
                .build();
    }

    /** Envoy looks for the kind of state by its name, whatever the message is. */
    static Message session(RouteTraffic.Session session) {
        Message state = session.cookie()
                ? CookieBasedSessionState.newBuilder()
                        .setCookie(Cookie.newBuilder()
                                .setName(session.name())
                                .setTtl(Proto.duration(session.lifetime()))
                                .setPath(session.path()))
                        .build()
                : HeaderBasedSessionState.newBuilder().setName(session.name()).build();
        return StatefulSessionPerRoute.newBuilder()
                .setStatefulSession(StatefulSession.newBuilder()
                        .setSessionState(TypedExtensionConfig.newBuilder()
                                .setName("envoy.http.stateful_session." + (session.cookie() ? "cookie" : "header"))
                                .setTypedConfig(Proto.any(state))))
                .build();
    }

    static UInt32Value kept() {
        return UInt32Value.of(KEPT_BYTES);
    }
}
