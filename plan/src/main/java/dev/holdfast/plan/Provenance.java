package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.util.Map;
import java.util.Optional;

/**
 * Where the single values of a plan came from, beside the plan's elements rather than in them: two clusters that say the
 * same are the same, whichever manifest said it. A value is named by its path in its element ({@code requestTimeout},
 * {@code breaker.maxConnections}, {@code http.idleTimeout}); one that is not here is a default.
 *
 * @param listeners listener name to value to origin
 * @param rules {@link #rule} to value to origin
 * @param clusters cluster name to value to origin
 */
public record Provenance(
        Map<String, ByName<Origin>> listeners,
        Map<String, ByName<Origin>> rules,
        Map<String, ByName<Origin>> clusters) {
    public static final Provenance NONE = new Provenance(Map.of(), Map.of(), Map.of());

    public Provenance {
        listeners = ByName.of(listeners);
        rules = ByName.of(rules);
        clusters = ByName.of(clusters);
    }

    /** The key of a rule under a listener; {@code rule} is a route's id without its match index. */
    public static String rule(String listener, String rule) {
        return listener + " " + rule;
    }

    /** Where {@code value} of a listener came from; empty for a default. */
    public Optional<Origin> ofListener(String listener, String value) {
        return in(listeners, listener, value);
    }

    public Optional<Origin> ofRule(String listener, String rule, String value) {
        return in(rules, rule(listener, rule), value);
    }

    public Optional<Origin> ofCluster(String cluster, String value) {
        return in(clusters, cluster, value);
    }

    private static Optional<Origin> in(Map<String, ByName<Origin>> elements, String element, String value) {
        return Optional.ofNullable(elements.get(element)).map(values -> values.get(value));
    }
}
