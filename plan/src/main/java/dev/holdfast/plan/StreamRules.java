package dev.holdfast.plan;

import java.time.Duration;
import java.util.List;

/**
 * How the established streams of a route are treated: what a {@code StreamPolicy} says, or {@link #DEFAULT} without one.
 * Zero durations and counts mean "none".
 *
 * @param policy {@code namespace/name} of the policy, empty without one
 * @param onRouteRemoved what becomes of a stream whose route is gone
 * @param onPolicyChanged what becomes of a stream whose policy says something else than when it opened
 */
public record StreamRules(
        String policy,
        Limits limits,
        PerUser perUser,
        Origins origins,
        Ping ping,
        TokenExpiry tokenExpiry,
        OnChange onRouteRemoved,
        OnChange onPolicyChanged,
        Drain drain) {
    public static final StreamRules DEFAULT = new StreamRules(
            "",
            Limits.NONE,
            PerUser.NONE,
            Origins.ANY,
            Ping.NONE,
            TokenExpiry.NONE,
            OnChange.DRAIN,
            OnChange.KEEP,
            Drain.DEFAULT);

    /**
     * Counts of streams open at once, and of what a client may send into one.
     *
     * @param perListener established streams of the listener; likewise {@code perRoute} and, of one address under this
     *     policy, {@code perClient}
     * @param messageBytes of a WebSocket message from the client; a longer one ends the stream with 1009
     * @param messagesPerSecond from the client, one second's worth at once; likewise {@code bytesPerSecond}
     * @param throttle whether the client is read more slowly where it sends faster; else the stream ends with 1008
     */
    public record Limits(
            int perListener,
            int perRoute,
            int perClient,
            long messageBytes,
            long messagesPerSecond,
            long bytesPerSecond,
            boolean throttle) {
        public static final Limits NONE = new Limits(0, 0, 0, 0, 0, 0, false);

        public boolean ofFrames() {
            return messageBytes > 0 || messagesPerSecond > 0 || bytesPerSecond > 0;
        }
    }

    /**
     * Most streams of one user under this policy, as a filter that checks credentials has found out; nobody is limited
     * where there is none.
     *
     * @param claim by dotted path
     */
    public record PerUser(int streams, String claim) {
        public static final PerUser NONE = new PerUser(0, "");
    }

    /** Whether a stream ends with the credentials that it opened with; {@code code} and {@code text} of the Close frame. */
    public record TokenExpiry(boolean ends, int code, String text) {
        public static final TokenExpiry NONE = new TokenExpiry(false, 0, "");
    }

    /**
     * Which pages may open a WebSocket (RFC 6455 §10.2). A client that sends no Origin is no browser and may always.
     *
     * @param checked whether anything is refused at all; the page's own host always may
     * @param allowed {@code scheme://host[:port]}, lower-case; the host may begin with {@code *.}; {@code *} is everyone
     */
    public record Origins(boolean checked, List<String> allowed) {
        public static final Origins ANY = new Origins(false, List.of());

        public Origins {
            allowed = List.copyOf(allowed);
        }
    }

    /**
     * Asks a silent peer whether it is there (RFC 6455 §5.5.2).
     *
     * @param interval of silence before a Ping; zero for no pings
     * @param timeout after which a peer that has not sent anything since is taken for gone
     */
    public record Ping(Duration interval, Duration timeout, boolean client, boolean backend) {
        public static final Ping NONE = new Ping(Duration.ZERO, Duration.ZERO, false, false);

        public boolean on() {
            return !interval.isZero() && (client || backend);
        }
    }

    /** What a change does to a stream: nothing, goodbye within the drain time, or goodbye at once. */
    public enum OnChange {
        KEEP,
        DRAIN,
        CLOSE
    }

    /**
     * A goodbye.
     *
     * @param time from the decision to the cut
     * @param jitter the part of {@code time}, at most all of it, over which the goodbyes of many streams are spread
     * @param code of the Close frame (RFC 6455 §7.4), with {@code text} of at most 123 octets
     */
    public record Drain(Duration time, Duration jitter, int code, String text) {
        public static final Drain DEFAULT =
                new Drain(Duration.ofSeconds(10), Duration.ofSeconds(7), 1001, "going away");
    }
}
