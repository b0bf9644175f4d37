package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/** The established streams of all loops. Each is touched on its own loop only; the map crosses threads. */
public final class LiveStreams implements Streams {
    static final String SHUTDOWN = "shutdown";

    private static final Duration AT_ONCE = Duration.ofSeconds(2);

    private final Map<String, LongStream> open = new ConcurrentHashMap<>();
    private final AtomicLong ids = new AtomicLong();
    private final Metrics metrics;
    private final Budgets budgets;

    public LiveStreams(Metrics metrics) {
        this.metrics = metrics;
        this.budgets = new Budgets(metrics.registry());
    }

    public Budgets budgets() {
        return budgets;
    }

    public String nextId() {
        return Long.toString(ids.incrementAndGet(), 36);
    }

    public void add(String id, LongStream stream) {
        open.put(id, stream);
    }

    public void remove(String id) {
        LongStream gone = open.remove(id);
        if (gone != null) {
            budgets.give(gone.terms().slots());
        }
    }

    /** Streams open now. */
    @Override
    public int size() {
        return open.size();
    }

    @Override
    public List<StreamView> list() {
        return open.values().stream().map(LongStream::view).toList();
    }

    @Override
    public boolean close(String id) {
        LongStream stream = open.get(id);
        if (stream == null) {
            return false;
        }
        StreamRules.Drain drain = stream.terms().rules().drain();
        stream.loop().execute(() -> stream.drain("closed_by_operator", LongStream.GRACE, drain.code(), drain.text()));
        return true;
    }

    @Override
    public int closeRoute(String route) {
        int closing = 0;
        Farewell farewell = new Farewell("closed_by_operator", route, metrics);
        for (LongStream stream : open.values()) {
            if (stream.terms().route().equals(route) && stream.claimDrain()) {
                closing++;
                join(stream, farewell, stream.terms().rules().drain());
            }
        }
        return closing;
    }

    /** Treats streams whose route is gone, or whose policy has changed, as their policy says; returns how many end. */
    public int drainDetached(Snapshot snapshot) {
        budgets.limited(snapshot.limitedListeners());
        int drained = 0;
        Map<String, Farewell> farewells = new HashMap<>();
        for (LongStream stream : open.values()) {
            LongStream.Terms terms = stream.terms();
            String why;
            StreamRules.OnChange what;
            if (!snapshot.attached(terms.listener(), terms.route())) {
                why = "route_removed";
                what = terms.rules().onRouteRemoved();
            } else {
                // What the new policy says of a change holds, not what the old one said.
                Snapshot.Treatment now = snapshot.treatment(terms.listener(), terms.routeId());
                if (now == null
                        || now.equals(
                                new Snapshot.Treatment(terms.rules(), terms.idleTimeout(), terms.maxLifetime()))) {
                    continue;
                }
                why = "policy_changed";
                what = now.rules().onPolicyChanged();
            }
            if (what != StreamRules.OnChange.KEEP && stream.claimDrain()) {
                drained++;
                StreamRules.Drain as = terms.rules().drain();
                join(
                        stream,
                        farewells.computeIfAbsent(
                                why + " " + terms.route(), k -> new Farewell(why, terms.route(), metrics)),
                        what == StreamRules.OnChange.DRAIN
                                ? as
                                : new StreamRules.Drain(AT_ONCE, Duration.ZERO, as.code(), as.text()));
            }
        }
        return drained;
    }

    /** Drains all within {@code time}, spread with jitter; a policy may want less time for its streams, never more. */
    public void drainAll(Duration time) {
        Farewell farewell = new Farewell(SHUTDOWN, "", metrics);
        for (LongStream stream : open.values()) {
            StreamRules.Drain wanted = stream.terms().rules().drain();
            boolean own =
                    !stream.terms().rules().policy().isEmpty() && wanted.time().compareTo(time) < 0;
            Duration most = own ? wanted.time() : time;
            Duration jitter = own ? wanted.jitter() : time.multipliedBy(7).dividedBy(10);
            join(stream, farewell, new StreamRules.Drain(most, jitter, wanted.code(), wanted.text()));
        }
    }

    private static void join(LongStream stream, Farewell farewell, StreamRules.Drain drain) {
        double luck = ThreadLocalRandom.current().nextDouble();
        farewell.expects();
        stream.loop().execute(() -> {
            stream.join(farewell, drain, luck);
            farewell.asked();
        });
    }

    /** Ends what is left; returns how many. */
    public int cutAll() {
        int left = 0;
        for (LongStream stream : open.values()) {
            left++;
            stream.loop().execute(() -> stream.cut("drain_deadline"));
        }
        return left;
    }
}
