package dev.holdfast.console;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.sun.net.httpserver.HttpExchange;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Live views as server-sent events. Each client is a virtual thread that remembers what it sent last and sends what has
 * changed since: one that reads slowly misses steps, and nothing queues up for it. All share one look at the streams a
 * step.
 */
final class Feed {
    /** More people than look at one gateway at a time; a tab in the background lets go of its own. */
    static final int CLIENTS = 16;

    private static final long STUCK_MILLIS = 20_000;

    private final AdminViews views;
    private final History history;
    private final Duration step;
    private final LongSupplier clock;
    private final JsonFactory json = new JsonFactory();
    private final List<Client> clients = new ArrayList<>();
    private StreamTable latest = StreamTable.NONE;

    Feed(AdminViews views, History history, Duration step, LongSupplier clock) {
        this.views = views;
        this.history = history;
        this.step = step;
        this.clock = clock;
    }

    private static final class Client {
        final Thread thread = Thread.currentThread();
        volatile long writingSince;
    }

    /** Serves until the client leaves or is cut; false, with nothing sent, where there are too many. */
    boolean serve(HttpExchange exchange) throws IOException {
        Client client = new Client();
        if (!enter(client)) {
            return false;
        }
        try {
            exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
            exchange.sendResponseHeaders(200, 0);
            stream(client, exchange.getResponseBody());
        } catch (InterruptedException cut) {
            Thread.currentThread().interrupt();
        } finally {
            leave(client);
        }
        return true;
    }

    /** A client that has not taken a byte for long gives its place up. */
    private synchronized boolean enter(Client client) {
        if (clients.size() >= CLIENTS) {
            long now = clock.getAsLong();
            clients.stream()
                    .filter(c -> c.writingSince > 0 && now - c.writingSince > STUCK_MILLIS)
                    .findFirst()
                    .ifPresent(stuck -> {
                        clients.remove(stuck);
                        stuck.thread.interrupt();
                    });
        }
        return clients.size() < CLIENTS && clients.add(client);
    }

    private synchronized void leave(Client client) {
        clients.remove(client);
    }

    synchronized int clients() {
        return clients.size();
    }

    private synchronized StreamTable table() {
        long now = clock.getAsLong();
        if (latest.at() == 0 || now - latest.at() >= step.toMillis()) {
            latest = StreamTable.of(now, views.streams().list());
        }
        return latest;
    }

    private void stream(Client client, OutputStream out) throws IOException, InterruptedException {
        StreamTable sent = StreamTable.NONE;
        long sample = 0;
        Versions versions = Versions.NONE;
        ByteArrayOutputStream step = new ByteArrayOutputStream();
        columns(step);
        while (true) {
            Versions now = new Versions(
                    views.plan().get(),
                    views.problems().get(),
                    views.reloads().get(),
                    views.ready().getAsBoolean());
            StreamTable table = table();
            if (!now.same(versions)) {
                event(step, "state", g -> state(now, g));
                versions = now;
            }
            StreamTable before = sent;
            event(step, "streams", g -> table.writeSince(before, g));
            sent = table;
            List<History.Sample> samples = history.since(sample);
            if (!samples.isEmpty()) {
                event(step, "samples", g -> samples(samples, g));
                sample = samples.getLast().at();
            }
            client.writingSince = clock.getAsLong();
            step.writeTo(out);
            out.flush();
            client.writingSince = 0;
            step.reset();
            TimeUnit.MILLISECONDS.sleep(this.step.toMillis());
        }
    }

    /** What the page reads anew when it changes; by identity where a new value is a new object. */
    private record Versions(Plan plan, List<Problem> problems, List<Reload> reloads, boolean ready) {
        static final Versions NONE = new Versions(Plan.EMPTY, List.of(), List.of(), false);

        boolean same(Versions other) {
            return plan == other.plan
                    && problems.equals(other.problems)
                    && reloads.equals(other.reloads)
                    && ready == other.ready
                    && other != NONE;
        }
    }

    private interface Body {
        void write(JsonGenerator json) throws IOException;
    }

    private void event(OutputStream out, String name, Body body) throws IOException {
        out.write(("event: " + name + "\ndata: ").getBytes(StandardCharsets.US_ASCII));
        // JSON escapes line breaks within text and the generator adds none, so the data is one line.
        try (JsonGenerator generator = json.createGenerator(out).disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)) {
            body.write(generator);
        }
        out.write("\n\n".getBytes(StandardCharsets.US_ASCII));
    }

    private void columns(OutputStream out) throws IOException {
        event(out, "columns", g -> {
            g.writeStartObject();
            g.writeArrayFieldStart("columns");
            for (String column : StreamTable.COLUMNS) {
                g.writeString(column);
            }
            g.writeEndArray();
            g.writeNumberField("moving", StreamTable.MOVING);
            g.writeNumberField("rows", StreamTable.ROWS);
            g.writeEndObject();
        });
    }

    private static void state(Versions now, JsonGenerator g) throws IOException {
        g.writeStartObject();
        g.writeBooleanField("ready", now.ready);
        g.writeNumberField("plan", System.identityHashCode(now.plan));
        g.writeNumberField("problems", now.problems.hashCode());
        g.writeNumberField("reloads", now.reloads.hashCode());
        g.writeEndObject();
    }

    private static void samples(List<History.Sample> samples, JsonGenerator g) throws IOException {
        g.writeStartArray();
        for (History.Sample sample : samples) {
            g.writeStartArray();
            g.writeNumber(sample.at());
            g.writeNumber(sample.streams());
            for (double value :
                    new double[] {sample.requests(), sample.failed(), sample.bytes(), sample.median(), sample.slowest()
                    }) {
                if (Double.isNaN(value)) {
                    g.writeNull();
                } else {
                    g.writeNumber(Math.round(value * 1000) / 1000.0);
                }
            }
            g.writeEndArray();
        }
        g.writeEndArray();
    }
}
