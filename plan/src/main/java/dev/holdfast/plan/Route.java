package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One match of one HTTPRoute rule and what to do with what it matches.
 *
 * @param id {@code namespace/route/rule-index/match-index}
 * @param route {@code namespace/name} of the HTTPRoute: a stream lives while this is attached to its listener
 * @param requestTimeout whole request, zero for none; never applies to an established stream
 * @param idleTimeout of a stream, zero for none
 * @param streams how what becomes an established stream is treated
 * @param httpFilters in the order in which they see a request; a redirect and an answer of our own pass them too
 * @param traffic what is asked of the way to its backends
 * @param upgrades lower-case upgrade types that pass; CONNECT is not among them
 * @param connect what becomes of a CONNECT, which has no path: the rest of the match decides; empty refuses it
 * @param spans how its requests become spans, in place of what the listener says
 * @param statistics what metrics say of it
 */
public record Route(
        String id,
        String route,
        Match match,
        Action action,
        List<Filter> filters,
        Duration requestTimeout,
        Duration backendRequestTimeout,
        Duration idleTimeout,
        Duration maxStreamDuration,
        Set<String> upgrades,
        Optional<Connect> connect,
        StreamRules streams,
        List<HttpFilter> httpFilters,
        RouteTraffic traffic,
        Optional<Telemetry.Spans> spans,
        Telemetry.Statistics statistics,
        Origin origin) {
    public Route {
        filters = List.copyOf(filters);
        httpFilters = List.copyOf(httpFilters);
        upgrades = Set.copyOf(upgrades);
    }

    /** Without HTTP filters, and with nothing asked of the way to its backends. */
    public Route(
            String id,
            String route,
            Match match,
            Action action,
            List<Filter> filters,
            Duration requestTimeout,
            Duration backendRequestTimeout,
            Duration idleTimeout,
            Duration maxStreamDuration,
            Set<String> upgrades,
            StreamRules streams,
            Origin origin) {
        this(
                id,
                route,
                match,
                action,
                filters,
                requestTimeout,
                backendRequestTimeout,
                idleTimeout,
                maxStreamDuration,
                upgrades,
                Optional.empty(),
                streams,
                List.of(),
                RouteTraffic.NONE,
                Optional.empty(),
                Telemetry.Statistics.NONE,
                origin);
    }

    /** With nothing asked of the way to its backends. */
    public Route(
            String id,
            String route,
            Match match,
            Action action,
            List<Filter> filters,
            Duration requestTimeout,
            Duration backendRequestTimeout,
            Duration idleTimeout,
            Duration maxStreamDuration,
            Set<String> upgrades,
            StreamRules streams,
            List<HttpFilter> httpFilters,
            Origin origin) {
        this(
                id,
                route,
                match,
                action,
                filters,
                requestTimeout,
                backendRequestTimeout,
                idleTimeout,
                maxStreamDuration,
                upgrades,
                Optional.empty(),
                streams,
                httpFilters,
                RouteTraffic.NONE,
                Optional.empty(),
                Telemetry.Statistics.NONE,
                origin);
    }

    /** Told of as its listener's are. */
    public Route(
            String id,
            String route,
            Match match,
            Action action,
            List<Filter> filters,
            Duration requestTimeout,
            Duration backendRequestTimeout,
            Duration idleTimeout,
            Duration maxStreamDuration,
            Set<String> upgrades,
            StreamRules streams,
            List<HttpFilter> httpFilters,
            RouteTraffic traffic,
            Origin origin) {
        this(
                id,
                route,
                match,
                action,
                filters,
                requestTimeout,
                backendRequestTimeout,
                idleTimeout,
                maxStreamDuration,
                upgrades,
                Optional.empty(),
                streams,
                httpFilters,
                traffic,
                Optional.empty(),
                Telemetry.Statistics.NONE,
                origin);
    }

    /** The same under another name, for other requests. */
    public Route matching(String otherId, Match otherMatch) {
        return new Route(
                otherId,
                route,
                otherMatch,
                action,
                filters,
                requestTimeout,
                backendRequestTimeout,
                idleTimeout,
                maxStreamDuration,
                upgrades,
                connect,
                streams,
                httpFilters,
                traffic,
                spans,
                statistics,
                origin);
    }

    /** Whether a CONNECT opens a tunnel here: only what forwards has somewhere to lead it. */
    public boolean tunnels() {
        return connect.isPresent() && action instanceof Action.Forward;
    }

    /**
     * What becomes of a CONNECT (RFC 9110 §9.3.6).
     *
     * @param terminated whether the backend gets what the tunnel carries; else it gets the CONNECT
     */
    public record Connect(boolean terminated) {}

    /** All conditions hold together; {@code method} empty means any. */
    public record Match(PathMatch path, String method, List<ValueMatch> headers, List<ValueMatch> queryParams) {
        public Match {
            headers = List.copyOf(headers);
            queryParams = List.copyOf(queryParams);
        }
    }

    /** How a path is compared (Gateway API HTTPPathMatch). */
    public sealed interface PathMatch {
        record Exact(String path) implements PathMatch {}

        /** Whole path elements: {@code /abc} matches {@code /abc} and {@code /abc/d}, not {@code /abcd}. */
        record Prefix(String path) implements PathMatch {}

        /** RE2-style expression that the whole path must match. */
        record Regex(String expression) implements PathMatch {}

        /** A prefix without its last slash, which says nothing: {@code /abc/} stands for what {@code /abc} does. */
        static String stem(String prefix) {
            return prefix.endsWith("/") ? prefix.substring(0, prefix.length() - 1) : prefix;
        }

        /** Whether a path is what a {@link #stem} names or lies below it. */
        static boolean under(String stem, String path) {
            return path.startsWith(stem) && (path.length() == stem.length() || path.charAt(stem.length()) == '/');
        }
    }

    /** A header (lower-case name) or query parameter compared exactly or by an expression for the whole value. */
    public record ValueMatch(String name, String value, boolean regex) {}

    /** What becomes of a matched request. */
    public sealed interface Action {
        /** To one of the destinations, in proportion to their weights. */
        record Forward(List<Destination> destinations) implements Action {
            public Forward {
                destinations = List.copyOf(destinations);
            }
        }

        /** A redirect; empty strings and port 0 keep what the request has. */
        record Redirect(String scheme, String hostname, int port, PathRewrite path, int statusCode) implements Action {}

        /**
         * An answer of the gateway's own: nothing to forward to.
         *
         * @param reason machine-readable; empty where the answer is what the manifest asks for
         * @param headers beside those that every answer has
         */
        record Respond(int statusCode, String reason, String body, List<Header> headers) implements Action {
            public Respond {
                headers = List.copyOf(headers);
            }

            public Respond(int statusCode, String reason, String body) {
                this(statusCode, reason, body, List.of());
            }
        }
    }

    /**
     * A weighted cluster.
     *
     * @param failure non-zero answers with that status instead (an invalid backendRef)
     * @param fallback whether it is for when those of the rule that are none are not well
     */
    public record Destination(String cluster, int weight, int failure, List<Filter> filters, boolean fallback)
            implements Share {
        public Destination {
            filters = List.copyOf(filters);
        }

        /** No fallback. */
        public Destination(String cluster, int weight, int failure, List<Filter> filters) {
            this(cluster, weight, failure, filters, false);
        }

        @Override
        public boolean fails() {
            return failure != 0;
        }
    }

    /** A change of the request or response on its way. */
    public sealed interface Filter {
        record RequestHeaders(HeaderMutation mutation) implements Filter {}

        record ResponseHeaders(HeaderMutation mutation) implements Filter {}

        /** {@code hostname} empty keeps the Host. */
        record UrlRewrite(String hostname, PathRewrite path) implements Filter {}

        /** The Host from what the request says. */
        record HostRewrite(HostSource source) implements Filter {}

        /** What the client asked for, in {@code x-forwarded-host}, before it is rewritten. */
        record ForwardedHost() implements Filter {}
    }

    /** Set replaces, add appends, remove deletes; in that order. */
    public record HeaderMutation(List<Header> set, List<Header> add, List<String> remove) {
        public HeaderMutation {
            set = List.copyOf(set);
            add = List.copyOf(add);
            remove = List.copyOf(remove);
        }
    }

    public record Header(String name, String value) {}

    /** A change of path. */
    public sealed interface PathRewrite {
        record Keep() implements PathRewrite {}

        record ReplaceFull(String path) implements PathRewrite {}

        /** Replaces the {@code prefix} that the match named by {@code replacement}. */
        record ReplacePrefix(String prefix, String replacement) implements PathRewrite {}

        /** Every place where {@code pattern} is found; {@code \\1} in the replacement is its first group, as in RE2. */
        record ReplaceRegex(String pattern, String substitution) implements PathRewrite {}
    }

    /** Where a Host comes from. */
    public sealed interface HostSource {
        /** A header of the request; without it the Host stays. */
        record FromHeader(String name) implements HostSource {}

        /** The name of the endpoint that was chosen. */
        record FromBackend() implements HostSource {}

        /** The path, with an expression replaced in it; where the expression is not found, the Host stays. */
        record FromPath(String pattern, String substitution) implements HostSource {}
    }
}
