package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.filter.security.SecurityFilters;
import dev.holdfast.dataplane.filter.traffic.TrafficFilters;
import dev.holdfast.plan.Extension;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The factories of one plan's filters. A filter that the next plan says the same of keeps its factory. */
public final class FilterSet {
    public static final FilterSet EMPTY = new FilterSet(Map.of(), Map.of());

    public static final FilterFactory[] NONE = new FilterFactory[0];

    private final Map<HttpFilter, FilterFactory> factories;
    private final Map<Route, FilterFactory[]> chains;

    private FilterSet(Map<HttpFilter, FilterFactory> factories, Map<Route, FilterFactory[]> chains) {
        this.factories = factories;
        this.chains = chains;
    }

    /** Of {@code plan}; factories that it has no more use for are for {@link #closeAllBut} to close. */
    public FilterSet next(Plan plan, Surroundings around) {
        Map<HttpFilter, FilterFactory> kept = new HashMap<>();
        Map<Route, FilterFactory[]> made = new IdentityHashMap<>();
        plan.listeners().stream()
                .flatMap(l -> l.virtualHosts().stream())
                .flatMap(h -> h.routes().stream())
                .filter(r -> !r.httpFilters().isEmpty())
                .forEach(route -> made.computeIfAbsent(route, r -> chain(r.httpFilters(), kept, around)));
        return new FilterSet(kept, made);
    }

    private FilterFactory[] chain(List<HttpFilter> filters, Map<HttpFilter, FilterFactory> kept, Surroundings around) {
        FilterFactory[] chain = new FilterFactory[filters.size()];
        for (int i = 0; i < chain.length; i++) {
            chain[i] = kept.computeIfAbsent(filters.get(i), f -> {
                FilterFactory known = factories.get(f);
                return known == null ? make(f, around) : known;
            });
        }
        return chain;
    }

    private static FilterFactory make(HttpFilter filter, Surroundings around) {
        return switch (filter) {
            case HttpFilter.Fault fault -> () -> new FaultFilter(fault);
            case TrafficFilter traffic -> TrafficFilters.make(traffic);
            case SecurityFilter guard -> SecurityFilters.factory(guard, around);
            case HttpFilter.GlobalRateLimit ofEnvoys -> throw new IllegalStateException(ofEnvoys.toString());
            case Extension ofEnvoys -> throw new IllegalStateException(ofEnvoys.toString());
        };
    }

    /** Closes what {@code next} does not hold. */
    public void closeAllBut(FilterSet next) {
        factories.forEach((filter, factory) -> {
            if (next.factories.get(filter) != factory) {
                factory.close();
            }
        });
    }

    /** In the order in which they see a request. */
    public FilterFactory[] of(Route route) {
        return chains.getOrDefault(route, NONE);
    }
}
