package dev.holdfast.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What a BackendTrafficPolicy, or a route's own filters, do to requests and answers on their way. */
public sealed interface TrafficFilter extends HttpFilter {
    /**
     * So many requests a time, counted by this process alone. A request spends from every rule that it matches, and is
     * refused where one of them is empty; a rule without conditions holds for what no other rule matches.
     *
     * @param scope whose buckets these are; equal filters share them
     */
    record LocalRateLimit(String scope, List<LimitRule> rules) implements TrafficFilter {
        public LocalRateLimit {
            rules = List.copyOf(rules);
        }
    }

    /**
     * @param requests a {@code period}, also the most at once
     * @param cost what one request spends
     * @param answerCost what is spent besides when its answer has been given; only services count so
     * @param shadow counts, but refuses nothing
     * @param tells whether answers say {@code x-ratelimit-limit}, {@code -remaining} and {@code -reset}
     */
    record LimitRule(
            List<Condition> conditions,
            long requests,
            Duration period,
            Cost cost,
            Optional<Cost> answerCost,
            boolean shadow,
            boolean tells) {
        public LimitRule {
            conditions = List.copyOf(conditions);
        }

        /** Where each request spends the same. */
        public LimitRule(
                List<Condition> conditions, long requests, Duration period, long cost, boolean shadow, boolean tells) {
            this(conditions, requests, period, new Cost.Fixed(cost), Optional.empty(), shadow, tells);
        }
    }

    /** How much is spent of a limit. */
    sealed interface Cost {
        record Fixed(long tokens) implements Cost {}

        /**
         * What another filter has said of the request, as Envoy calls it dynamic metadata; where it has said no number from 0 to
         * {@link #MOST} the rule does not count the request.
         *
         * @param namespace the name of Envoy's filter
         */
        record Said(String namespace, List<String> path) implements Cost {
            /** Envoy's limit. */
            public static final long MOST = 1_000_000_000;

            /** The claims of tokens, below the name of their provider. */
            public static final String BY_TOKENS = "envoy.filters.http.jwt_authn";

            /** What an external authorization has said by gRPC. */
            public static final String BY_AUTHORIZATION = "envoy.filters.http.ext_authz";

            public Said {
                path = List.copyOf(path);
            }
        }
    }

    /** What a request must have for a rule; {@code inverted}, must not have. */
    sealed interface Condition {
        record Header(String name, Value value, boolean inverted) implements Condition {}

        record QueryParam(String name, Value value, boolean inverted) implements Condition {}

        record Path(Route.PathMatch path, boolean inverted) implements Condition {}

        record Methods(Set<String> methods, Set<String> others) implements Condition {
            public Methods {
                methods = Set.copyOf(methods);
                others = Set.copyOf(others);
            }
        }

        /** @param distinct whether each address has a bucket of its own */
        record SourceCidr(String cidr, boolean distinct, boolean inverted) implements Condition {}
    }

    /** How a text is compared. */
    sealed interface Value {
        record Exact(String text) implements Value {}

        record Prefix(String text) implements Value {}

        record Suffix(String text) implements Value {}

        record Regex(String expression) implements Value {}

        /** Any text, each with a bucket of its own. */
        record Distinct() implements Value {}
    }

    /**
     * Octets a second that all exchanges of the route share, in either direction; 0 for no limit.
     *
     * @param told begins the names of trailers that tell how long bodies took; empty where there are none
     */
    record Bandwidth(String scope, double requestBytesPerSecond, double responseBytesPerSecond, Optional<String> told)
            implements TrafficFilter {
        /** Of which nobody is told. */
        public Bandwidth(String scope, double requestBytesPerSecond, double responseBytesPerSecond) {
            this(scope, requestBytesPerSecond, responseBytesPerSecond, Optional.empty());
        }
    }

    /** Answers compressed for clients that ask for it; the first of {@code encodings} is preferred where they do not mind. */
    record Compression(List<Encoding> encodings) implements TrafficFilter {
        public Compression {
            encodings = List.copyOf(encodings);
        }
    }

    /** @param minLength shorter answers pass as they are, in octets */
    record Encoding(Codec codec, long minLength) {}

    /** An HTTP content coding (RFC 9110 §8.4.1, RFC 7932, RFC 8878). */
    enum Codec {
        GZIP,
        BROTLI,
        ZSTD
    }

    /** The first rule that an answer matches replaces it. */
    record ResponseOverride(List<OverrideRule> rules) implements TrafficFilter {
        public ResponseOverride {
            rules = List.copyOf(rules);
        }
    }

    /**
     * @param statuses empty for any
     * @param local whether the gateway's own answers are meant
     * @param backend whether a backend's are
     */
    record OverrideRule(
            List<StatusRange> statuses,
            List<HeaderIs> headers,
            boolean local,
            boolean backend,
            Replacement replacement) {
        public OverrideRule {
            statuses = List.copyOf(statuses);
            headers = List.copyOf(headers);
        }
    }

    /** Both ends are within. */
    record StatusRange(int from, int to) {}

    record HeaderIs(String name, Value value) {}

    /** What is answered instead. */
    sealed interface Replacement {
        /** @param statusCode 0 keeps the answer's own; {@code body} empty answers none */
        record Answer(int statusCode, String contentType, String body, Route.HeaderMutation headers)
                implements Replacement {}

        record Redirect(Route.Action.Redirect to) implements Replacement {}
    }

    /** A request whole before it goes on, 413 for one longer than {@code limit} octets; a handshake passes. */
    record RequestBuffer(long limit) implements TrafficFilter {}

    /** A header with a secret value, for the backend. */
    record CredentialInjection(String header, SecretText value, boolean overwrite) implements TrafficFilter {}

    /**
     * Refuses a share of requests while too few of those that pass succeed (Envoy's admission control).
     *
     * @param scope whose counts these are
     * @param minSuccessRate in percent
     * @param minRequestRate requests a second below which nothing is refused
     * @param maxRejection in percent
     * @param httpSuccess statuses that count as success; empty for 100 to 499
     * @param grpcSuccess likewise; empty for all that are no failure of the server
     */
    record AdmissionControl(
            String scope,
            Duration window,
            double minSuccessRate,
            double aggression,
            double minRequestRate,
            double maxRejection,
            Set<Integer> httpSuccess,
            Set<Integer> grpcSuccess)
            implements TrafficFilter {
        public AdmissionControl {
            httpSuccess = Set.copyOf(httpSuccess);
            grpcSuccess = Set.copyOf(grpcSuccess);
        }
    }
}
