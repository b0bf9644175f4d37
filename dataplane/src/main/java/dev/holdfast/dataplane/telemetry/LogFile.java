package dev.holdfast.dataplane.telemetry;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Lines in a file that others may move away: it is made anew then. {@code /dev/stdout} is the process's own. */
public final class LogFile implements Exports.Sink {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final JsonFactory JSON = new JsonFactory();
    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String path;
    private @Nullable Writer out;
    private @Nullable Object key;
    private long looked;
    private boolean failed;
    private boolean over;

    public LogFile(String path) {
        this.path = path;
    }

    @Override
    public void line(Entry entry) {
        line(entry.text().orElseGet(() -> json(entry.fields())));
    }

    /** Of fields that are texts, numbers, whether or not, or have fields themselves. */
    public void line(Map<String, Object> fields) {
        line(json(fields));
    }

    @SuppressWarnings("SystemOut")
    private synchronized void line(String line) {
        if (over) {
            return;
        }
        PrintStream console = path.equals("/dev/stdout") ? System.out : path.equals("/dev/stderr") ? System.err : null;
        if (console != null) {
            console.print(line.endsWith("\n") ? line : line + "\n");
            console.flush();
            return;
        }
        try {
            Writer to = writer();
            to.write(line);
            if (!line.endsWith("\n")) {
                to.write('\n');
            }
            to.flush();
            failed = false;
        } catch (IOException e) {
            if (!failed) {
                failed = true;
                LOG.warn("the access log {} cannot be written: {}", path, e.toString());
            }
        }
    }

    private Writer writer() throws IOException {
        Path file = Path.of(path);
        Writer open = out;
        long now = System.nanoTime();
        if (open != null && now - looked > LOOK_NANOS) {
            looked = now;
            if (!Files.exists(file) || !java.util.Objects.equals(key, fileKey(file))) {
                open.close();
                open = null;
            }
        }
        if (open == null) {
            open = new BufferedWriter(Files.newBufferedWriter(
                    file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
            out = open;
            key = fileKey(file);
            looked = now;
        }
        return open;
    }

    private static @Nullable Object fileKey(Path file) throws IOException {
        return Files.readAttributes(file, java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey();
    }

    static String json(Map<String, Object> fields) {
        StringWriter text = new StringWriter(256);
        try (JsonGenerator json = JSON.createGenerator(text)) {
            write(fields, json);
        } catch (IOException impossible) {
            throw new IllegalStateException("writing JSON to memory failed", impossible);
        }
        return text.toString();
    }

    private static void write(Map<?, ?> fields, JsonGenerator json) throws IOException {
        json.writeStartObject();
        for (Map.Entry<?, ?> field : fields.entrySet()) {
            json.writeFieldName(String.valueOf(field.getKey()));
            switch (field.getValue()) {
                case null -> json.writeNull();
                case Long number -> json.writeNumber(number);
                case Boolean flag -> json.writeBoolean(flag);
                case Map<?, ?> below -> write(below, json);
                case Object other -> json.writeString(other.toString());
            }
        }
        json.writeEndObject();
    }

    @Override
    public synchronized void close() {
        over = true;
        Writer open = out;
        out = null;
        try {
            if (open != null) {
                open.close();
            }
        } catch (IOException e) {
            LOG.warn("the access log {} cannot be closed: {}", path, e.toString());
        }
    }
}
