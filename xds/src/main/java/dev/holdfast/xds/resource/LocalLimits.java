package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.UInt64Value;
import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.config.route.v3.QueryParameterMatcher;
import io.envoyproxy.envoy.config.route.v3.RateLimit;
import io.envoyproxy.envoy.config.route.v3.RateLimit.Action;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.RateLimitDescriptor;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.XRateLimitHeadersRFCVersion;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.TokenBucket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * A local rate limit for one of Envoy's routes. A rule with conditions becomes actions, which all must find something, and
 * the bucket of what they find; the one without is the filter's own bucket, which Envoy spends from where no other fits.
 */
final class LocalLimits {
    /** Of distinct clients, headers or parameters, as in the embedded plane. */
    private static final int MOST_BUCKETS = 20_000;

    private static final long UNLIMITED = 0xffff_ffffL;

    private final LocalRateLimit.Builder out = LocalRateLimit.newBuilder();
    private final List<String> lacks = new ArrayList<>();
    private boolean rest;

    private LocalLimits() {}

    /**
     * @param config none where no rule can be had
     * @param lacks what is left out
     */
    record Made(Optional<Message> config, List<String> lacks) {}

    static Made of(Route route, List<TrafficFilter.LocalRateLimit> limits) {
        LocalLimits made = new LocalLimits();
        int number = 0;
        int rules = limits.stream().mapToInt(l -> l.rules().size()).sum();
        for (TrafficFilter.LocalRateLimit limit : limits) {
            if (!route.id().startsWith(limit.scope() + "/")) {
                made.lacks.add("a rate limit that is shared: each route has all of it");
            }
            for (TrafficFilter.LimitRule rule : limit.rules()) {
                made.rule(Integer.toString(number++), rule, rules == 1);
            }
        }
        return made.built(limits);
    }

    private Made built(List<TrafficFilter.LocalRateLimit> limits) {
        if (!rest && out.getDescriptorsCount() == 0) {
            return new Made(Optional.empty(), lacks);
        }
        if (!rest) {
            out.setTokenBucket(bucket(UNLIMITED, Duration.ofSeconds(1)));
        }
        boolean tells = limits.stream().flatMap(l -> l.rules().stream()).anyMatch(TrafficFilter.LimitRule::tells);
        out.setStatPrefix("local_rate_limit")
                .setFilterEnabled(Proto.runtimePercent(100))
                .setFilterEnforced(Proto.runtimePercent(100))
                .setAlwaysConsumeDefaultTokenBucket(BoolValue.of(false))
                .setMaxDynamicDescriptors(UInt32Value.of(MOST_BUCKETS));
        if (tells) {
            out.setEnableXRatelimitHeaders(XRateLimitHeadersRFCVersion.DRAFT_VERSION_03);
        }
        return new Made(Optional.of(Additions.retryAfter(out.build())), lacks);
    }

    /** @param alone whether there is no other */
    private void rule(String name, TrafficFilter.LimitRule rule, boolean alone) {
        boolean free = rule.cost() instanceof TrafficFilter.Cost.Fixed(long tokens) && tokens == 0;
        long requests = rule.shadow() || free ? UNLIMITED : rule.requests();
        if (rule.conditions().isEmpty() && rule.cost() instanceof TrafficFilter.Cost.Fixed(long tokens)) {
            if (requests < tokens) {
                lacks.add("a rate limit of no requests at all");
                return;
            }
            long each = requests == UNLIMITED ? 1 : tokens;
            out.setTokenBucket(bucket(requests / each, rule.period()));
            rest = true;
            return;
        }
        if (rule.conditions().isEmpty() && !alone) {
            lacks.add("a rate limit for what no other rule counts, whose cost stands in metadata");
            return;
        }
        RateLimit.Builder actions = RateLimit.newBuilder();
        LocalRateLimitDescriptor.Builder buckets = LocalRateLimitDescriptor.newBuilder();
        add(
                actions,
                buckets,
                Action.newBuilder()
                        .setGenericKey(Action.GenericKey.newBuilder()
                                .setDescriptorKey("rule")
                                .setDescriptorValue(name)),
                "rule",
                name);
        for (TrafficFilter.Condition condition : rule.conditions()) {
            if (!condition(condition, actions, buckets)) {
                lacks.add("a rate limit for clients that are not of " + condition);
                return;
            }
        }
        // A bucket holds one token at least; of one that must hold none each request asks two.
        TrafficFilter.Cost cost = switch (rule.cost()) {
            case TrafficFilter.Cost.Said said when requests > 0 -> said;
            case TrafficFilter.Cost.Said ignored -> new TrafficFilter.Cost.Fixed(2);
            case TrafficFilter.Cost.Fixed(long tokens) ->
                new TrafficFilter.Cost.Fixed(requests == UNLIMITED ? 1 : requests == 0 ? 2 : tokens);
        };
        actions.setHitsAddend(hits(cost));
        out.addRateLimits(actions);
        out.addDescriptors(buckets.setTokenBucket(bucket(Math.max(1, requests), rule.period())));
    }

    static RateLimit.HitsAddend hits(TrafficFilter.Cost cost) {
        return switch (cost) {
            case TrafficFilter.Cost.Fixed(long tokens) ->
                RateLimit.HitsAddend.newBuilder()
                        .setNumber(UInt64Value.of(tokens))
                        .build();
            case TrafficFilter.Cost.Said(String namespace, List<String> path) ->
                RateLimit.HitsAddend.newBuilder()
                        .setFormat("%DYNAMIC_METADATA(" + namespace + ":" + String.join(":", path) + ")%")
                        .build();
        };
    }

    private static TokenBucket bucket(long tokens, Duration period) {
        return TokenBucket.newBuilder()
                .setMaxTokens((int) Math.min(tokens, UNLIMITED))
                .setTokensPerFill(Proto.count(tokens))
                .setFillInterval(Proto.duration(period))
                .build();
    }

    static void add(
            RateLimit.Builder actions,
            LocalRateLimitDescriptor.Builder buckets,
            Action.Builder action,
            String key,
            String value) {
        actions.addActions(action);
        buckets.addEntries(RateLimitDescriptor.Entry.newBuilder().setKey(key).setValue(value));
    }

    /** False for what Envoy cannot ask. */
    static boolean condition(
            TrafficFilter.Condition condition, RateLimit.Builder actions, LocalRateLimitDescriptor.Builder buckets) {
        String key = "c" + actions.getActionsCount();
        switch (condition) {
            case TrafficFilter.Condition.Header(String name, TrafficFilter.Value value, boolean inverted) -> {
                String header = name.equals("host") ? ":authority" : name;
                if (value instanceof TrafficFilter.Value.Distinct) {
                    Action.RequestHeaders.Builder found = Action.RequestHeaders.newBuilder()
                            .setHeaderName(header)
                            .setDescriptorKey(key);
                    add(actions, buckets, Action.newBuilder().setRequestHeaders(found), key, "");
                } else {
                    header(actions, buckets, key, header, Proto.matches(value), !inverted);
                }
            }
            case TrafficFilter.Condition.QueryParam(String name, TrafficFilter.Value value, boolean inverted) -> {
                if (value instanceof TrafficFilter.Value.Distinct) {
                    Action.QueryParameters.Builder found = Action.QueryParameters.newBuilder()
                            .setQueryParameterName(name)
                            .setDescriptorKey(key);
                    add(actions, buckets, Action.newBuilder().setQueryParameters(found), key, "");
                } else {
                    Action.QueryParameterValueMatch.Builder match = Action.QueryParameterValueMatch.newBuilder()
                            .setDescriptorKey(key)
                            .setDescriptorValue("1")
                            .setExpectMatch(BoolValue.of(!inverted))
                            .addQueryParameters(QueryParameterMatcher.newBuilder()
                                    .setName(name)
                                    .setStringMatch(Proto.matches(value)));
                    add(actions, buckets, Action.newBuilder().setQueryParameterValueMatch(match), key, "1");
                }
            }
            case TrafficFilter.Condition.Path(Route.PathMatch path, boolean inverted) ->
                header(actions, buckets, key, ":path", target(path), !inverted);
            case TrafficFilter.Condition.Methods(var methods, var others) -> {
                if (!methods.isEmpty()) {
                    header(actions, buckets, key, ":method", oneOf(new TreeSet<>(methods)), true);
                }
                if (!others.isEmpty()) {
                    header(actions, buckets, key + "n", ":method", oneOf(new TreeSet<>(others)), false);
                }
            }
            case TrafficFilter.Condition.SourceCidr(String text, boolean distinct, boolean inverted) -> {
                Optional<Cidr> range = inverted ? Optional.empty() : Cidr.parse(text);
                if (range.isEmpty()) {
                    return false;
                }
                client(actions, buckets, range.get(), distinct);
            }
        }
        return true;
    }

    /** Envoy tells the network of a client, by the number of bits; that is the descriptor. */
    private static void client(
            RateLimit.Builder actions, LocalRateLimitDescriptor.Builder buckets, Cidr range, boolean distinct) {
        var network = Authorizations.range(range);
        Action.MaskedRemoteAddress.Builder masked = Action.MaskedRemoteAddress.newBuilder();
        UInt32Value bits = UInt32Value.of(range.prefix());
        if (range.network().length() == 8) {
            masked.setV4PrefixMaskLen(bits);
        } else {
            masked.setV6PrefixMaskLen(bits);
        }
        add(
                actions,
                buckets,
                Action.newBuilder().setMaskedRemoteAddress(masked),
                "masked_remote_address",
                Networks.text(range) + "/" + network.getPrefixLen().getValue());
        if (distinct) {
            add(
                    actions,
                    buckets,
                    Action.newBuilder().setRemoteAddress(Action.RemoteAddress.getDefaultInstance()),
                    "remote_address",
                    "");
        }
    }

    private static void header(
            RateLimit.Builder actions,
            LocalRateLimitDescriptor.Builder buckets,
            String key,
            String name,
            StringMatcher value,
            boolean expect) {
        Action.HeaderValueMatch.Builder match = Action.HeaderValueMatch.newBuilder()
                .setDescriptorKey(key)
                .setDescriptorValue("1")
                .setExpectMatch(BoolValue.of(expect))
                .addHeaders(HeaderMatcher.newBuilder().setName(name).setStringMatch(value));
        add(actions, buckets, Action.newBuilder().setHeaderValueMatch(match), key, "1");
    }

    private static StringMatcher oneOf(TreeSet<String> words) {
        return Proto.matches(String.join("|", words.stream().map(Proto::quote).toList()));
    }

    /** {@code :path} has the query too. */
    private static StringMatcher target(Route.PathMatch path) {
        return Proto.matches(
                switch (path) {
                    case Route.PathMatch.Exact(String exact) -> Proto.quote(exact) + "(?:\\?.*)?";
                    case Route.PathMatch.Regex(String expression) -> "(?:" + expression + ")(?:\\?.*)?";
                    case Route.PathMatch.Prefix(String prefix) ->
                        Proto.quote(Route.PathMatch.stem(prefix)) + "(?:[/?].*)?";
                });
    }
}
