package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.observe.SpanRules;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.OpenTelemetry;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is told of each listener, followed from plan to plan: whom nothing is sent to any more is let go, the others are kept.
 * Lines of access logs are written by a thread of its own; where it cannot keep up they are lost, and their number is logged.
 */
public final class Telemetries implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final int WAITING = 16_384;

    private final Exports exports;
    private final Exports.Post post;
    private final ListenerTelemetry usual;
    private final BlockingQueue<Runnable> work = new LinkedBlockingQueue<>(WAITING);
    private Map<Telemetry, ListenerTelemetry> known = Map.of();
    private Map<Telemetry.Provider, OpenTelemetry> spans = Map.of();
    private Map<Telemetry.Sink, Exports.Sink> sinks = Map.of();
    private Set<Telemetry.Collector> collectors = Set.of();
    private @Nullable Thread writer;
    private long lost;

    public Telemetries(Exports exports, Exports.Post post, Tracing usual) {
        this.exports = exports;
        this.post = post;
        this.usual = ListenerTelemetry.usual(usual);
    }

    public ListenerTelemetry usual() {
        return usual;
    }

    /** By listener, of those of which more is told than usual. */
    public synchronized Map<String, ListenerTelemetry> next(Plan plan) {
        Map<String, ListenerTelemetry> out = new HashMap<>();
        Map<Telemetry, ListenerTelemetry> made = new HashMap<>();
        Map<Telemetry.Provider, OpenTelemetry> madeSpans = new HashMap<>();
        Map<Telemetry.Sink, Exports.Sink> madeSinks = new HashMap<>();
        Set<Telemetry.Collector> to = new LinkedHashSet<>();
        for (Listener listener : plan.listeners()) {
            Telemetry telemetry = listener.telemetry();
            if (telemetry == Telemetry.NONE) {
                continue;
            }
            to.addAll(telemetry.metrics());
            telemetry
                    .tracing()
                    .map(Telemetry.Tracing::provider)
                    .ifPresent(p -> madeSpans.computeIfAbsent(p, this::spans));
            telemetry.accessLogs().stream()
                    .flatMap(a -> a.logs().stream())
                    .flatMap(l -> l.sinks().stream())
                    .forEach(s -> madeSinks.computeIfAbsent(s, this::sink));
            out.put(listener.name(), made.computeIfAbsent(telemetry, t -> {
                ListenerTelemetry before = known.get(t);
                return before == null ? make(t, madeSpans) : before;
            }));
        }
        Map<Telemetry.Provider, OpenTelemetry> spansBefore = spans;
        Map<Telemetry.Sink, Exports.Sink> sinksBefore = sinks;
        known = Map.copyOf(made);
        spans = Map.copyOf(madeSpans);
        sinks = Map.copyOf(madeSinks);
        spansBefore.forEach((provider, sdk) -> {
            if (!madeSpans.containsKey(provider)) {
                exports.forget(sdk);
            }
        });
        sinksBefore.forEach((sink, open) -> {
            if (!madeSinks.containsKey(sink)) {
                later(() -> close(open));
            }
        });
        if (!to.equals(collectors)) {
            collectors = Set.copyOf(to);
            exports.metrics(collectors, post);
        }
        return Map.copyOf(out);
    }

    private OpenTelemetry spans(Telemetry.Provider provider) {
        OpenTelemetry before = spans.get(provider);
        return before == null ? exports.spans(provider, post) : before;
    }

    private Exports.Sink sink(Telemetry.Sink sink) {
        Exports.Sink before = sinks.get(sink);
        if (before != null) {
            return before;
        }
        if (writer == null) {
            writer = Thread.ofVirtual().name("access-logs").start(this::write);
        }
        return sink instanceof Telemetry.Sink.File(String path) ? new LogFile(path) : exports.log(sink, post);
    }

    private ListenerTelemetry make(Telemetry telemetry, Map<Telemetry.Provider, OpenTelemetry> by) {
        SpanRules rules = telemetry.tracing().map(t -> new SpanRules(t.spans())).orElse(null);
        Tracing tracing = telemetry
                .tracing()
                .map(t -> new Tracing(by.getOrDefault(t.provider(), OpenTelemetry.noop()), rules))
                .orElse(usual.tracing());
        return new ListenerTelemetry(
                tracing,
                rules,
                telemetry.accessLogs().isPresent(),
                telemetry.accessLogs().stream()
                        .flatMap(a -> a.logs().stream())
                        .map(l -> ListenerTelemetry.Log.of(l, this::hand))
                        .toList());
    }

    private void hand(Telemetry.Sink to, Entry entry) {
        later(() -> {
            Exports.Sink sink;
            synchronized (this) {
                sink = sinks.get(to);
            }
            if (sink != null) {
                sink.line(entry);
            }
        });
    }

    private void later(Runnable what) {
        if (!work.offer(what)) {
            synchronized (this) {
                if (lost++ % WAITING == 0) {
                    LOG.warn("an access log is not written fast enough; {} lines are lost so far", lost);
                }
            }
        }
    }

    private void write() {
        try {
            while (true) {
                Runnable next = work.take();
                try {
                    next.run();
                } catch (RuntimeException wrong) {
                    LOG.warn("an access log's line is lost: {}", wrong.toString());
                }
            }
        } catch (InterruptedException over) {
            Thread.currentThread().interrupt();
        }
    }

    private static void close(Exports.Sink sink) {
        try {
            sink.close();
        } catch (Exception e) {
            LOG.warn("an access log cannot be closed: {}", e.toString());
        }
    }

    /** Writes and sends what is left, for a moment. */
    @Override
    public void close() {
        Thread writing;
        Set<Exports.Sink> open;
        synchronized (this) {
            writing = writer;
            open = new HashSet<>(sinks.values());
            spans.values().forEach(exports::forget);
            spans = Map.of();
            exports.metrics(Set.of(), post);
        }
        if (writing != null) {
            later(() -> {
                open.forEach(Telemetries::close);
                writing.interrupt();
            });
            try {
                writing.join(java.time.Duration.ofSeconds(2));
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
