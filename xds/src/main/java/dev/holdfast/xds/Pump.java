package dev.holdfast.xds;

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * Lines from a named pipe to a sink. It is held open for writing too, so that it does not end with a writer; and when we are
 * gone, a writer that ignores SIGPIPE, as Envoy does, loses its lines and goes on.
 */
final class Pump implements AutoCloseable {
    private final RandomAccessFile pipe;
    private volatile boolean closing;

    Pump(Path path, Consumer<String> to) throws IOException {
        this.pipe = new RandomAccessFile(path.toFile(), "rw");
        // A read of a pipe holds its thread, so it has one of its own.
        Thread.ofPlatform().daemon().name("envoy-log").start(() -> {
            try (BufferedReader lines = new BufferedReader(
                    new InputStreamReader(new FileInputStream(pipe.getFD()), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null && !closing; line = lines.readLine()) {
                    to.accept(line);
                }
            } catch (IOException ended) {
                // Closed: what is yet to come is nobody's.
            }
        });
    }

    /** Wakes the reader, which closes the pipe. */
    @Override
    public void close() throws IOException {
        closing = true;
        pipe.write('\n');
    }
}
