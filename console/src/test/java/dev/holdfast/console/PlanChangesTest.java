package dev.holdfast.console;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.SourcePosition;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PlanChangesTest {
    private static Origin at(int line) {
        return new Origin(
                new ResourceRef("g", "HTTPRoute", "ns", "r"), "spec", Optional.of(new SourcePosition("f", line, 1)));
    }

    private static Route route(String id, int seconds, int line) {
        return new Route(
                id,
                "ns/r",
                new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(), List.of()),
                new Route.Action.Respond(404, "x", "x"),
                List.of(),
                Duration.ofSeconds(seconds),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of(),
                StreamRules.DEFAULT,
                at(line));
    }

    private static Plan plan(String chain, Route... routes) {
        Tls tls = new Tls(
                List.of(new Tls.Certificate("ns/cert", chain, new SecretText("key"))), List.of(), "TLSv1.2", "TLSv1.3");
        return new Plan(
                List.of(new Listener(
                        "ns/gw/https",
                        443,
                        8443,
                        Optional.empty(),
                        Optional.of(tls),
                        HttpSettings.DEFAULT,
                        List.of(new VirtualHost("*", List.of(routes))),
                        at(1))),
                Map.of(),
                List.of());
    }

    @Test
    void whereSomethingStandsInItsFileIsNoChange() {
        assertThat(PlanChanges.between(plan("x", route("ns/r/0/0", 10, 5)), plan("x", route("ns/r/0/0", 10, 99))))
                .isEmpty();
    }

    @Test
    void eachValueThatDiffersIsNamedWithBoth() {
        assertThat(PlanChanges.between(plan("x", route("ns/r/0/0", 10, 5)), plan("x", route("ns/r/0/0", 11, 5))))
                .containsExactly(new Reload.Change(
                        "route", "ns/r/0/0 on ns/gw/https", Reload.What.CHANGED, List.of("requestTimeout: 10s → 11s")));
    }

    @Test
    void whatComesAndGoesIsNamedOnce() {
        assertThat(PlanChanges.between(plan("x", route("ns/r/0/0", 1, 1)), plan("x", route("ns/r/1/0", 1, 1))))
                .extracting(Reload.Change::what, Reload.Change::name)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(Reload.What.REMOVED, "ns/r/0/0 on ns/gw/https"),
                        org.assertj.core.groups.Tuple.tuple(Reload.What.ADDED, "ns/r/1/0 on ns/gw/https"));
        assertThat(PlanChanges.between(Plan.EMPTY, plan("x")))
                .extracting(Reload.Change::kind, Reload.Change::what)
                .containsExactly(org.assertj.core.groups.Tuple.tuple("listener", Reload.What.ADDED));
    }

    /** Under the host that is left it is as it was. */
    @Test
    void aRouteThatLeavesOneOfItsHostsSaysWhichItHasNow() {
        Route route = route("ns/r/0/0", 1, 1);
        Listener listener = plan("x").listeners().getFirst();
        VirtualHost a = new VirtualHost("a.test", List.of(route));
        VirtualHost b = new VirtualHost("b.test", List.of(route));
        assertThat(PlanChanges.between(
                        new Plan(List.of(listener.serving(List.of(a, b))), Map.of(), List.of()),
                        new Plan(List.of(listener.serving(List.of(b))), Map.of(), List.of())))
                .containsExactly(new Reload.Change(
                        "route",
                        "ns/r/0/0 on ns/gw/https",
                        Reload.What.CHANGED,
                        List.of("hostnames: a.test, b.test → b.test")));
    }

    @Test
    void aRenewedCertificateIsAChangeThatShowsNothingOfIt() {
        List<Reload.Change> changes = PlanChanges.between(plan("PEM-ONE"), plan("PEM-TWO"));
        assertThat(changes).hasSize(1);
        assertThat(changes.getFirst().details()).containsExactly("certificate ns/cert: renewed");
        assertThat(changes.toString()).doesNotContain("PEM", "key");
    }

    private static Plan relayed(int weight, Duration idle) {
        L4Route route = new L4Route(
                "ns/db/0",
                "ns/db",
                List.of("*"),
                List.of(new L4Route.Destination("ns/db/0/0", weight, "")),
                idle,
                Duration.ZERO,
                StreamRules.DEFAULT,
                Optional.empty(),
                at(1));
        return new Plan(
                List.of(),
                List.of(new L4Listener(
                        "ns/gw/tcp",
                        5432,
                        5432,
                        new L4Listener.Layer.Tcp(),
                        Optional.empty(),
                        ConnectionSettings.DEFAULT,
                        List.of(route),
                        at(1))),
                Map.of(),
                List.of(),
                List.of());
    }

    @Test
    void whatIsRelayedCountsAsWell() {
        assertThat(PlanChanges.between(Plan.EMPTY, relayed(1, Duration.ZERO)))
                .extracting(Reload.Change::kind, Reload.Change::name)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("listener", "ns/gw/tcp"),
                        org.assertj.core.groups.Tuple.tuple("route", "ns/db/0 on ns/gw/tcp"));
        assertThat(PlanChanges.between(relayed(1, Duration.ZERO), relayed(2, Duration.ofSeconds(9))))
                .containsExactly(new Reload.Change(
                        "route",
                        "ns/db/0 on ns/gw/tcp",
                        Reload.What.CHANGED,
                        List.of("destinations[0].weight: 1 → 2", "idleTimeout: 0s → 9s")));
    }
}
