package dev.holdfast.dataplane.stream;

import dev.holdfast.plan.StreamRules;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How many streams are open of each listener, route and client that a policy limits. Shared by all loops. */
public final class Budgets {
    private static final Logger LOG = LoggerFactory.getLogger(Budgets.class);
    private static final double WARN = 0.8;
    private static final double CALM = 0.6;

    private final MeterRegistry registry;
    private final Map<Place, Slot> slots = new ConcurrentHashMap<>();

    public Budgets(MeterRegistry registry) {
        this.registry = registry;
    }

    /** {@code scope} is {@code listener}, {@code route}, {@code client} or {@code user}. */
    private record Place(String scope, String name) {
        /** Of which there may be many, so that they are no label of a metric. */
        boolean ofPeer() {
            return scope.equals("client") || scope.equals("user");
        }
    }

    /** One place's count. */
    public static final class Slot {
        private final Place place;
        private final AtomicInteger open = new AtomicInteger();
        private final List<Gauge> gauges;
        private volatile int limit;
        private volatile boolean warned;

        private Slot(Place place, MeterRegistry registry) {
            this.place = place;
            this.gauges = place.ofPeer()
                    ? List.of()
                    : List.of(
                            Gauge.builder("holdfast.streams.budget.open", open, AtomicInteger::get)
                                    .description(
                                            "Established streams that count for the budget of a cluster, listener or route")
                                    .tag("scope", place.scope)
                                    .tag("name", place.name)
                                    .register(registry),
                            Gauge.builder("holdfast.streams.budget.limit", this, s -> s.limit)
                                    .description(
                                            "Most streams that the cluster, listener or route may have; 0 is no limit")
                                    .tag("scope", place.scope)
                                    .tag("name", place.name)
                                    .register(registry));
        }

        private boolean take(int most) {
            if (most > 0) {
                // Another route's policy may have no limit for the listener that they share.
                limit = most;
            }
            int taken = open.incrementAndGet();
            if (most > 0 && taken > most) {
                open.decrementAndGet();
                return false;
            }
            if (most > 0 && taken >= most * WARN && !warned && !place.ofPeer()) {
                warned = true;
                LOG.atWarn()
                        .addKeyValue(place.scope, place.name)
                        .addKeyValue("open", taken)
                        .addKeyValue("limit", most)
                        .log("four fifths of the streams' budget are taken; at the limit handshakes get 503");
            }
            return true;
        }
    }

    /** What a stream was refused by, or the slots it has taken. */
    public record Taken(List<Slot> slots, @Nullable String refusedBy) {}

    /**
     * Takes a slot of the listener, which is always counted, and of each limit in {@code rules}; none where one of them is
     * full, and then says which scope it was.
     */
    public Taken take(StreamRules rules, String listener, String route, String client) {
        return take(rules, listener, route, client, "");
    }

    /** The same, with the user's name as the policy's claim has it, empty for nobody. */
    public Taken take(StreamRules rules, String listener, String route, String client, String user) {
        StreamRules.Limits limits = rules.limits();
        List<Slot> taken = new ArrayList<>(3);
        String full = null;
        if (!take("listener", listener, limits.perListener(), taken)) {
            full = "listener";
        } else if (limits.perRoute() > 0 && !take("route", route, limits.perRoute(), taken)) {
            full = "route";
        } else if (limits.perClient() > 0
                && !take("client", rules.policy() + " " + client, limits.perClient(), taken)) {
            full = "client";
        } else if (rules.perUser().streams() > 0
                && !user.isEmpty()
                && !take("user", rules.policy() + " " + user, rules.perUser().streams(), taken)) {
            full = "user";
        }
        if (full != null) {
            give(taken);
            return new Taken(List.of(), full);
        }
        return new Taken(taken, null);
    }

    private boolean take(String scope, String name, int most, List<Slot> taken) {
        boolean[] got = new boolean[1];
        Slot slot = slots.compute(new Place(scope, name), (place, known) -> {
            Slot of = known == null ? new Slot(place, registry) : known;
            got[0] = of.take(most);
            return kept(of);
        });
        if (got[0] && slot != null) {
            taken.add(slot);
        }
        return got[0];
    }

    /** Gives slots back; a place without streams is forgotten, so that no client can fill our memory. */
    public void give(List<Slot> taken) {
        for (Slot slot : taken) {
            slots.computeIfPresent(slot.place, (place, known) -> {
                int left = known.open.decrementAndGet();
                if (left < known.limit * CALM) {
                    known.warned = false;
                }
                return kept(known);
            });
        }
    }

    /** A listener that no policy limits any more has no limit to show. */
    public void limited(Set<String> listeners) {
        slots.forEach((place, slot) -> {
            if (place.scope.equals("listener") && !listeners.contains(place.name)) {
                slot.limit = 0;
            }
        });
    }

    private @Nullable Slot kept(Slot slot) {
        if (slot.open.get() > 0) {
            return slot;
        }
        slot.gauges.forEach(registry::remove);
        return null;
    }
}
