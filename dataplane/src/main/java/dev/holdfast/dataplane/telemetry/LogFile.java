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
final class LogFile implements Exports.Sink {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final JsonFactory JSON = new JsonFactory();
    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String path;
    private @Nullable Writer out;
    private @Nullable Object key;
    private long looked;
    private boolean failed;
    private boolean over;

    LogFile(String path) {
        this.path = path;
    }

    @Override
    @SuppressWarnings("SystemOut")
    public synchronized void line(Entry entry) {
        if (over) {
            return;
        }
        String line = entry.text().orElseGet(() -> json(entry.fields()));
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
            json.writeStartObject();
            for (Map.Entry<String, Object> field : fields.entrySet()) {
                json.writeFieldName(field.getKey());
                switch (field.getValue()) {
                    case null -> json.writeNull();
                    case Long number -> json.writeNumber(number);
                    case Object other -> json.writeString(other.toString());
                }
            }
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new IllegalStateException("writing JSON to memory failed", impossible);
        }
        return text.toString();
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
