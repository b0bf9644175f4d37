package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.xds.Plans;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Limits that a service keeps: what Envoy tells it, and what it must know. */
final class CountedLimitsTest {
    private static final HttpFilter LIMITS = new HttpFilter.GlobalRateLimit(
            Plans.CLUSTER,
            "app/web/0",
            List.of(
                    new TrafficFilter.LimitRule(
                            List.of(
                                    new TrafficFilter.Condition.Header(
                                            "x-user", new TrafficFilter.Value.Distinct(), false),
                                    new TrafficFilter.Condition.Header(
                                            "x-plan", new TrafficFilter.Value.Exact("free"), false)),
                            10,
                            Duration.ofMinutes(1),
                            2,
                            false,
                            true),
                    new TrafficFilter.LimitRule(List.of(), 100, Duration.ofDays(1), 1, true, false)));

    @Test
    void theServiceKnowsWhatEnvoyTells() throws Exception {
        Plans plans = new Plans();
        plans.filters = List.of(LIMITS);
        XdsResources made = XdsResources.of(plans.plan());
        Sound.check(made);
        assertThat(made.problems()).isEmpty();
        assertThat(made.toYaml())
                .contains("envoy.filters.http.ratelimit", "descriptor_key: rule", "app/web/0/0", "domain: holdfast");
        assertThat(made.rateLimits()).isEqualTo("""
                domain: holdfast
                descriptors:
                  - key: rule
                    value: "app/web/0/0"
                    descriptors:
                      - key: c1
                        descriptors:
                          - key: c2
                            value: "1"
                            rate_limit: {unit: minute, requests_per_unit: 10}
                  - key: rule
                    value: "app/web/0/1"
                    rate_limit: {unit: day, requests_per_unit: 100}
                    shadow_mode: true
                """);
        assertThat(XdsResources.of(new Plans().plan()).rateLimits()).isEqualTo("domain: holdfast\ndescriptors: []\n");
    }

    @Test
    void anAnswersCostIsToldWhenItHasBeenGiven() throws Exception {
        Plans plans = new Plans();
        plans.filters = List.of(new HttpFilter.GlobalRateLimit(
                Plans.CLUSTER,
                "app/web/0",
                List.of(new TrafficFilter.LimitRule(
                        List.of(),
                        10,
                        Duration.ofMinutes(1),
                        new TrafficFilter.Cost.Fixed(0),
                        Optional.of(new TrafficFilter.Cost.Said("io.test", List.of("usage", "total"))),
                        false,
                        true))));
        XdsResources made = XdsResources.of(plans.plan());
        Sound.check(made);
        assertThat(made.toYaml())
                .contains("apply_on_stream_done: true", "format: \"%DYNAMIC_METADATA(io.test:usage:total)%\"");
        assertThat(made.rateLimits()).as("one limit for both").isEqualTo("""
                domain: holdfast
                descriptors:
                  - key: rule
                    value: "app/web/0/0"
                    rate_limit: {unit: minute, requests_per_unit: 10}
                """);
    }

    @Test
    void aLimitReplacesNoFilterChain() {
        Plans with = new Plans();
        with.filters = List.of(LIMITS);
        assertThat(Replaced.between(XdsResources.of(new Plans().plan()), XdsResources.of(with.plan())))
                .isEmpty();
    }
}
