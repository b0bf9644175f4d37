package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.xds.Plans;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What of a StreamPolicy Envoy carries out, and of what it is told that it does not. */
final class StreamOriginsTest {
    private static XdsResources made(StreamRules rules) throws Exception {
        Plans plans = new Plans();
        Route r = plans.route("app/live", new Route.PathMatch.Prefix("/live"), new Route.Action.Respond(200, "", ""));
        plans.moreRoutes.add(new Route(
                r.id(),
                r.route(),
                r.match(),
                new Route.Action.Forward(List.of(new Route.Destination(Plans.CLUSTER, 1, 0, List.of()))),
                List.of(),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of("websocket"),
                rules,
                r.origin()));
        XdsResources out = XdsResources.of(plans.plan());
        Sound.check(out);
        return out;
    }

    private static StreamRules rules(StreamRules.Limits limits, StreamRules.Ping ping) {
        StreamRules none = StreamRules.DEFAULT;
        return new StreamRules(
                "app/streams",
                limits,
                none.perUser(),
                new StreamRules.Origins(true, List.of("https://*.friend.test")),
                ping,
                none.tokenExpiry(),
                none.onRouteRemoved(),
                none.onPolicyChanged(),
                none.drain());
    }

    @Test
    void whoMayOpenAWebSocketIsAskedOfItsRouteAlone() throws Exception {
        XdsResources all = made(rules(StreamRules.Limits.NONE, StreamRules.Ping.NONE));
        String routes = all.toYaml();
        assertThat(all.problems()).isEmpty();
        assertThat(routes).contains("(?i)(?:https://[^/:]+\\\\.friend\\\\.test(?::443)?)", "holdfast.origin");
        assertThat(Replaced.between(made(StreamRules.DEFAULT), all)).isEmpty();
    }

    @Test
    void whatItDoesNotCarryOutIsNamedAndNothingElse() throws Exception {
        XdsResources all = made(rules(
                new StreamRules.Limits(0, 5, 0, 100, 0, 0, false),
                new StreamRules.Ping(Duration.ofSeconds(5), Duration.ofSeconds(5), true, false)));
        assertThat(all.problems())
                .singleElement()
                .satisfies(p -> assertThat(p.message())
                        .endsWith("does not carry out limits.perRoute, limits of messages and bytes, ping"));
    }
}
