package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.route.Snapshot;
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
    private final Map<String, Exchange> open = new ConcurrentHashMap<>();
    private final AtomicLong ids = new AtomicLong();

    String add(Exchange exchange) {
        String id = Long.toString(ids.incrementAndGet(), 36);
        open.put(id, exchange);
        return id;
    }

    void remove(String id) {
        open.remove(id);
    }

    public int size() {
        return open.size();
    }

    @Override
    public List<StreamView> list() {
        return open.values().stream().map(Exchange::view).toList();
    }

    @Override
    public boolean close(String id) {
        Exchange exchange = open.get(id);
        if (exchange == null) {
            return false;
        }
        exchange.loop().execute(() -> exchange.drain("closed_by_operator", Duration.ofSeconds(5)));
        return true;
    }

    /** Drains what the plan no longer holds, spread over most of {@code time}; returns how many. */
    public int drainDetached(Snapshot snapshot, Duration time) {
        int drained = 0;
        for (Exchange exchange : open.values()) {
            if (!snapshot.attached(exchange.listenerName(), exchange.routeName()) && exchange.claimDrain()) {
                drained++;
                schedule(exchange, "route_removed", time);
            }
        }
        return drained;
    }

    /** Drains all, spread with jitter. */
    public void drainAll(Duration time) {
        for (Exchange exchange : open.values()) {
            schedule(exchange, "shutdown", time);
        }
    }

    private static void schedule(Exchange exchange, String reason, Duration time) {
        // Clients that are told at once come back at once; the rest of the time is for those told last to answer.
        long spread = Math.max(1, time.toMillis() * 7 / 10);
        long delay = ThreadLocalRandom.current().nextLong(spread);
        exchange.loop().schedule(() -> exchange.drain(reason, time.minusMillis(delay)), delay, TimeUnit.MILLISECONDS);
    }

    /** Ends what is left. */
    public void cutAll() {
        for (Exchange exchange : open.values()) {
            exchange.loop().execute(() -> exchange.cut("drain_deadline"));
        }
    }
}
