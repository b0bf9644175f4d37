package dev.holdfast.doctor.wire;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** One connection. Reading belongs to one thread at a time, writing to one at a time; closing to anybody. */
public final class Wire implements Duplex {
    private final int id;
    private final Socket socket;
    private final Optional<TlsFacts> tls;
    private final Transcript transcript;
    private final byte[] buffer = new byte[16 * 1024];
    private int position;
    private int filled;

    Wire(int id, Socket socket, Optional<TlsFacts> tls, Transcript transcript) {
        this.id = id;
        this.socket = socket;
        this.tls = tls;
        this.transcript = transcript;
    }

    public Optional<TlsFacts> tls() {
        return tls;
    }

    int id() {
        return id;
    }

    Transcript transcript() {
        return transcript;
    }

    @Override
    public int read(Deadline deadline) throws IOException {
        if (position == filled && !fill(deadline)) {
            return -1;
        }
        return buffer[position++] & 0xff;
    }

    /** Some bytes, at most {@code most}; empty at the end. */
    byte[] readSome(int most, Deadline deadline) throws IOException {
        if (position == filled && !fill(deadline)) {
            return new byte[0];
        }
        int size = Math.min(most, filled - position);
        byte[] bytes = java.util.Arrays.copyOfRange(buffer, position, position + size);
        position += size;
        return bytes;
    }

    private boolean fill(Deadline deadline) throws IOException {
        if (deadline.passed()) {
            throw new WireException(WireException.Kind.TIMEOUT, "nothing more came within the time allowed");
        }
        try {
            socket.setSoTimeout(deadline.remainingMillis());
            int read = socket.getInputStream().read(buffer);
            position = 0;
            filled = Math.max(0, read);
            return read > 0;
        } catch (IOException e) {
            throw Failures.of(e, "reading");
        }
    }

    @Override
    public void write(byte[] bytes) throws IOException {
        try {
            socket.getOutputStream().write(bytes);
            socket.getOutputStream().flush();
        } catch (IOException e) {
            throw Failures.of(e, "sending");
        }
    }

    void write(String text) throws IOException {
        write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Override
    public void note(String line) {
        transcript.add(id, line);
    }

    @Override
    public void close() {
        Dialer.closeQuietly(socket);
    }
}
