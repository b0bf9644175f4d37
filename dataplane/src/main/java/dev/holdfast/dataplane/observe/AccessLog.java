package dev.holdfast.dataplane.observe;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** JSON lines, written by a thread of its own so that a slow terminal never holds an event loop; lossy when full. */
public final class AccessLog implements AutoCloseable {
    private static final JsonFactory JSON = new JsonFactory();
    private final BlockingQueue<Map<String, Object>> queue = new ArrayBlockingQueue<>(16_384);
    private static final Map<String, Object> END = Map.of("event", "end");
    private final boolean on;
    private @Nullable Thread writer;

    private AccessLog(boolean on) {
        this.on = on;
    }

    public static AccessLog off() {
        return new AccessLog(false);
    }

    public static AccessLog to(PrintStream out) {
        return to(Optional.of(out), List.of());
    }

    /** As JSON lines to {@code out} if there is one, and as they are to {@code others}; off where there is neither. */
    public static AccessLog to(Optional<PrintStream> out, List<Consumer<Map<String, Object>>> others) {
        if (out.isEmpty() && others.isEmpty()) {
            return off();
        }
        AccessLog log = new AccessLog(true);
        log.writer = Thread.ofVirtual().name("access-log").start(() -> log.write(out, others));
        return log;
    }

    public boolean on() {
        return on;
    }

    /** Queues one line; a full queue drops it rather than wait. */
    public boolean line(Map<String, Object> fields) {
        return on && queue.offer(fields);
    }

    /** Writes what is queued, waiting no longer than a moment for a reader that does not read. */
    @Override
    public void close() {
        Thread writing = writer;
        if (writing != null) {
            queue.offer(END);
            try {
                writing.join(java.time.Duration.ofSeconds(2));
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void write(Optional<PrintStream> out, List<Consumer<Map<String, Object>>> others) {
        try {
            for (Map<String, Object> line = queue.take(); line != END; line = queue.take()) {
                for (Consumer<Map<String, Object>> other : others) {
                    other.accept(line);
                }
                if (out.isPresent()) {
                    out.get().println(json(line));
                    if (queue.isEmpty()) {
                        out.get().flush();
                    }
                }
            }
            out.ifPresent(PrintStream::flush);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (IOException impossible) {
            throw new IllegalStateException("writing JSON to memory failed", impossible);
        }
    }

    private static String json(Map<String, Object> fields) throws IOException {
        StringWriter text = new StringWriter(256);
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            for (Map.Entry<String, Object> field : fields.entrySet()) {
                json.writeFieldName(field.getKey());
                switch (field.getValue()) {
                    case Integer i -> json.writeNumber(i);
                    case Long l -> json.writeNumber(l);
                    case Object other -> json.writeString(other.toString());
                }
            }
            json.writeEndObject();
        }
        return text.toString();
    }
}
