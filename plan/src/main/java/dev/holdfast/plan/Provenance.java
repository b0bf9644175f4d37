package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

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
        Map<String, Map<String, Origin>> listeners,
        Map<String, Map<String, Origin>> rules,
        Map<String, Map<String, Origin>> clusters) {
    public static final Provenance NONE = new Provenance(Map.of(), Map.of(), Map.of());

    public Provenance {
        listeners = sorted(listeners);
        rules = sorted(rules);
        clusters = sorted(clusters);
    }

    private static Map<String, Map<String, Origin>> sorted(Map<String, Map<String, Origin>> of) {
        return Collections.unmodifiableMap(of.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        e -> Collections.unmodifiableMap(new TreeMap<>(e.getValue())),
                        (a, b) -> a,
                        TreeMap::new)));
    }

    /** The key of a rule under a listener; {@code rule} is a route's id without its match index. */
    public static String rule(String listener, String rule) {
        return listener + " " + rule;
    }

    /** Where {@code value} of a listener came from; empty for a default. */
    public Optional<Origin> ofListener(String listener, String value) {
        return Optional.ofNullable(listeners.getOrDefault(listener, Map.of()).get(value));
    }

    public Optional<Origin> ofRule(String listener, String rule, String value) {
        return Optional.ofNullable(
                rules.getOrDefault(rule(listener, rule), Map.of()).get(value));
    }

    public Optional<Origin> ofCluster(String cluster, String value) {
        return Optional.ofNullable(clusters.getOrDefault(cluster, Map.of()).get(value));
    }
}
