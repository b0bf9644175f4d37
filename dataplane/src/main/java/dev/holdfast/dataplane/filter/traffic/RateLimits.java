package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.TrafficFilter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rules of one local rate limit with their buckets. */
final class RateLimits {
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
            if (key != null) {
                least = less(least, spend(rule, rule.buckets.of(key, nowNanos), nowNanos), nowNanos);
            }
        }
        Rule rest = otherwise;
        return least == null && rest != null ? spend(rest, rest.buckets.of("", nowNanos), nowNanos) : least;
    }

    private static Spent spend(Rule rule, TokenBucket bucket, long nowNanos) {
        boolean taken = bucket.take(rule.limit.cost(), nowNanos);
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
