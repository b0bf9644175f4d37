package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.TrafficFilter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The rules of one local rate limit with their buckets. */
final class RateLimits {
    private static final long NOT_COUNTED = -1;
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,15}(?:\\.[0-9]{1,15})?");

    private final List<Rule> rules = new ArrayList<>();
    private @Nullable Rule otherwise;

    /** A rule compiled. */
    record Rule(TrafficFilter.LimitRule limit, List<Test> tests, Buckets buckets) {
        /** The bucket's key, empty for the one for all; null where the request is none of the rule's. */
        @Nullable
        String key(FilterRequest request) {
            StringBuilder key = new StringBuilder();
            for (Test test : tests) {
                String part = test.of(request);
                if (part == null) {
                    return null;
                }
                if (!part.isEmpty()) {
                    key.append(part).append('\n');
                }
            }
            return key.toString();
        }
    }

    /** Null where a request does not meet a condition; else what tells its bucket apart, empty for nothing. */
    interface Test {
        @Nullable
        String of(FilterRequest request);
    }

    RateLimits(TrafficFilter.LocalRateLimit limit) {
        for (TrafficFilter.LimitRule rule : limit.rules()) {
            Rule compiled = new Rule(
                    rule,
                    rule.conditions().stream().map(Conditions::test).toList(),
                    new Buckets(rule.requests(), rule.period()));
            if (rule.conditions().isEmpty()) {
                otherwise = compiled;
            } else {
                rules.add(compiled);
            }
        }
    }

    /** What was spent from: the bucket that is nearest to empty, and whether it was empty. */
    record Spent(Rule rule, TokenBucket bucket, boolean refused) {}

    /** Null where no rule holds for the request. */
    @Nullable
    Spent spend(FilterRequest request, long nowNanos) {
        Spent least = null;
        for (Rule rule : rules) {
            String key = rule.key(request);
            long cost = key == null ? NOT_COUNTED : cost(rule.limit.cost(), request);
            if (key != null && cost >= 0) {
                least = less(least, spend(rule, cost, rule.buckets.of(key, nowNanos), nowNanos), nowNanos);
            }
        }
        Rule rest = otherwise;
        long cost = least != null || rest == null ? NOT_COUNTED : cost(rest.limit.cost(), request);
        return rest != null && cost >= 0 ? spend(rest, cost, rest.buckets.of("", nowNanos), nowNanos) : least;
    }

    private static long cost(TrafficFilter.Cost cost, FilterRequest request) {
        return switch (cost) {
            case TrafficFilter.Cost.Fixed(long tokens) -> tokens;
            case TrafficFilter.Cost.Said(String namespace, List<String> path) -> number(request.told(namespace, path));
        };
    }

    /** Whole tokens of what was said; a number may stand in a text. */
    private static long number(@Nullable Object said) {
        double found;
        if (said instanceof Number number) {
            found = number.doubleValue();
        } else if (said instanceof String text && NUMBER.matcher(text).matches()) {
            found = Double.parseDouble(text);
        } else {
            return NOT_COUNTED;
        }
        return found >= 0 && found <= TrafficFilter.Cost.Said.MOST ? (long) found : NOT_COUNTED;
    }

    private static Spent spend(Rule rule, long cost, TokenBucket bucket, long nowNanos) {
        boolean taken = bucket.take(cost, nowNanos);
        return new Spent(rule, bucket, !taken && !rule.limit.shadow());
    }

    private static Spent less(@Nullable Spent a, Spent b, long nowNanos) {
        if (a == null || (b.refused && !a.refused)) {
            return b;
        }
        if (a.refused || a.bucket.remaining(nowNanos) <= b.bucket.remaining(nowNanos)) {
            return a;
        }
        return b;
    }
}
