package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The established streams of all loops. Each is touched on its own loop only; the map crosses threads. */
public final class LiveStreams implements Streams {
    private static final Duration AT_ONCE = Duration.ofSeconds(2);

    private final Map<String, LongStream> open = new ConcurrentHashMap<>();
    private final AtomicLong ids = new AtomicLong();
    private final Budgets budgets = new Budgets();

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
        stream.loop()
                .execute(() -> stream.drain("closed_by_operator", Duration.ofSeconds(5), drain.code(), drain.text()));
        return true;
    }

    @Override
    public int closeRoute(String route) {
        int closing = 0;
        for (LongStream stream : open.values()) {
            if (stream.terms().route().equals(route) && stream.claimDrain()) {
                closing++;
                schedule(stream, "closed_by_operator", stream.terms().rules().drain());
            }
        }
        return closing;
    }

    /** Treats streams whose route is gone, or whose policy has changed, as their policy says; returns how many end. */
    public int drainDetached(Snapshot snapshot) {
        int drained = 0;
        for (LongStream stream : open.values()) {
            LongStream.Terms terms = stream.terms();
            String why;
            StreamRules.OnChange what;
            if (!snapshot.attached(terms.listener(), terms.route())) {
                why = "route_removed";
                what = terms.rules().onRouteRemoved();
            } else {
                // What the new policy says of a change holds, not what the old one said.
                StreamRules now = snapshot.streams(terms.listener(), terms.routeId());
                if (now.equals(terms.rules())) {
                    continue;
                }
                why = "policy_changed";
                what = now.onPolicyChanged();
            }
            if (what != StreamRules.OnChange.KEEP && stream.claimDrain()) {
                drained++;
                if (what == StreamRules.OnChange.DRAIN) {
                    schedule(stream, why, terms.rules().drain());
                } else {
                    StreamRules.Drain drain = terms.rules().drain();
                    stream.loop().execute(() -> stream.drain(why, AT_ONCE, drain.code(), drain.text()));
                }
            }
        }
        return drained;
    }

    /** Drains all within {@code time}, spread with jitter; a policy may want less time for its streams, never more. */
    public void drainAll(Duration time) {
        for (LongStream stream : open.values()) {
            StreamRules.Drain wanted = stream.terms().rules().drain();
            boolean own =
                    !stream.terms().rules().policy().isEmpty() && wanted.time().compareTo(time) < 0;
            Duration most = own ? wanted.time() : time;
            Duration jitter = own ? wanted.jitter() : time.multipliedBy(7).dividedBy(10);
            schedule(stream, "shutdown", new StreamRules.Drain(most, jitter, wanted.code(), wanted.text()));
        }
    }

    private static void schedule(LongStream stream, String reason, StreamRules.Drain drain) {
        // Clients that are told at once come back at once; the rest of the time is for those told last to answer.
        long spread = Math.min(drain.jitter().toMillis(), drain.time().toMillis());
        long delay = spread <= 0 ? 0 : ThreadLocalRandom.current().nextLong(spread);
        stream.loop()
                .schedule(
                        () -> stream.drain(reason, drain.time().minusMillis(delay), drain.code(), drain.text()),
                        delay,
                        TimeUnit.MILLISECONDS);
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
