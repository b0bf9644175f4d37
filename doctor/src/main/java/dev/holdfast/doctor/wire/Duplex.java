package dev.holdfast.doctor.wire;

import java.io.IOException;

/** Bytes both ways: a whole connection, or one HTTP/2 stream. */
public interface Duplex extends AutoCloseable {
    /** One byte, or -1 at the end. */
    int read(Deadline deadline) throws IOException;

    void write(byte[] bytes) throws IOException;

    /** Leaves a line in the transcript. */
    void note(String line);

    @Override
    void close();
}
