package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.observe.SpanRules;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.OpenTelemetry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is told of each listener, followed from plan to plan: whom nothing is sent to any more is let go once the new plan holds,
 * the others are kept. Lines of access logs are written by a thread of its own; where it cannot keep up they are lost, and their
 * number is logged. Loops take no lock here.
 */
public final class Telemetries implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final Duration LAST_WORDS = Duration.ofSeconds(3);

    private final Exports exports;
    private final Exports.Post post;
    private final ListenerTelemetry usual;
    private final Backlog backlog = new Backlog();
    /** What is to be done in order; a line only after {@link Backlog} has let it in. */
    private final LinkedBlockingQueue<Runnable> work = new LinkedBlockingQueue<>();

    private final List<Runnable> goers = new ArrayList<>();
    private Map<Telemetry, ListenerTelemetry> known = Map.of();
    private Map<Telemetry.Provider, OpenTelemetry> spans = Map.of();
    private Map<Telemetry.Sink, Exports.Sink> sinks = Map.of();
    private Set<Telemetry.Metrics> collectors = Set.of();
    private @Nullable Thread writer;

    public Telemetries(Exports exports, Exports.Post post, Tracing usual) {
        this.exports = exports;
        this.post = post;
        this.usual = ListenerTelemetry.usual(usual);
    }

    public ListenerTelemetry usual() {
        return usual;
    }

    /** Whether anybody is told anything that could be lost at the end. */
    public synchronized boolean telling() {
        return !known.isEmpty();
    }

    /** By listener, of those of which more is told than usual. {@link #letGo} is called once these hold. */
    public synchronized Map<String, ListenerTelemetry> next(Plan plan) {
        Map<String, ListenerTelemetry> out = new HashMap<>();
        Map<Telemetry, ListenerTelemetry> made = new HashMap<>();
        Map<Telemetry.Provider, OpenTelemetry> madeSpans = new HashMap<>();
        Map<Telemetry.Sink, Exports.Sink> madeSinks = new HashMap<>();
        Set<Telemetry.Metrics> to = new LinkedHashSet<>();
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
                return before == null ? make(t, madeSpans, madeSinks) : before;
            }));
        }
        Set<Telemetry.Spans> ofRoutes = plan.listeners().stream()
                .flatMap(l -> l.virtualHosts().stream())
                .flatMap(h -> h.routes().stream())
                .map(Route::spans)
                .flatMap(java.util.Optional::stream)
                .collect(Collectors.toSet());
        made.values().forEach(t -> t.keep(ofRoutes));
        spans.forEach((provider, sdk) -> {
            if (!madeSpans.containsKey(provider)) {
                goers.add(() -> exports.forget(sdk));
            }
        });
        sinks.forEach((sink, open) -> {
            if (!madeSinks.containsKey(sink)) {
                goers.add(() ->
                        work.add(() -> Thread.ofVirtual().name("access-log-end").start(() -> close(open))));
            }
        });
        known = Map.copyOf(made);
        spans = Map.copyOf(madeSpans);
        sinks = Map.copyOf(madeSinks);
        if (!to.equals(collectors)) {
            collectors = Set.copyOf(to);
            goers.add(() -> exports.metrics(Set.copyOf(to), post));
        }
        return Map.copyOf(out);
    }

    /** Lets go of whom the plan before named and this one does not; what they were to be told is still told them. */
    public synchronized void letGo() {
        goers.forEach(Runnable::run);
        goers.clear();
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

    private ListenerTelemetry make(
            Telemetry telemetry, Map<Telemetry.Provider, OpenTelemetry> by, Map<Telemetry.Sink, Exports.Sink> to) {
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
                        .map(l -> ListenerTelemetry.Log.of(
                                l, l.sinks().stream().map(to::get).toList(), this::hand))
                        .toList());
    }

    private void hand(Exports.Sink to, Entry entry) {
        long octets = entry.weight();
        if (!backlog.take(octets)) {
            return;
        }
        work.add(() -> {
            backlog.give(octets);
            to.line(entry);
        });
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

    /** Writes and sends what is left, for a moment. The connections that it goes by must still be there. */
    @Override
    public void close() {
        List<CompletableFuture<Void>> ends = new ArrayList<>();
        synchronized (this) {
            letGo();
            spans.values().forEach(sdk -> ends.add(exports.forget(sdk)));
            spans = Map.of();
            ends.add(exports.metrics(Set.of(), post));
            collectors = Set.of();
            Thread writing = writer;
            if (writing != null) {
                sinks.values().forEach(sink -> {
                    CompletableFuture<Void> closed = new CompletableFuture<>();
                    ends.add(closed);
                    work.add(() -> Thread.ofVirtual().name("access-log-end").start(() -> {
                        close(sink);
                        closed.complete(null);
                    }));
                });
                work.add(writing::interrupt);
            }
            sinks = Map.of();
            known = Map.of();
        }
        try {
            CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new))
                    .get(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException late) {
            LOG.warn("not all that was to be told could be sent before the end");
        }
    }
}
