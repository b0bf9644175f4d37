package dev.holdfast.doctor.wire;

import dev.holdfast.doctor.wire.WireException.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * HTTP/2 as a client (RFC 9113), with RFC 8441's extended CONNECT. A virtual thread reads frames and hands them to the
 * streams; any thread may send. Framing is written out here, so that what a strange peer sends can be told exactly;
 * header compression is Netty's.
 */
public final class Http2 implements AutoCloseable {
    public static final int ENABLE_CONNECT_PROTOCOL = 8;
    public static final int MAX_CONCURRENT_STREAMS = 3;

    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int RST_STREAM = 3;
    private static final int SETTINGS = 4;
    private static final int PING = 6;
    private static final int GOAWAY = 7;
    private static final int WINDOW_UPDATE = 8;
    private static final int CONTINUATION = 9;
    private static final int END_STREAM = 1;
    private static final int ACK = 1;
    private static final int END_HEADERS = 4;
    private static final int MAX_FRAME = 16 * 1024;
    private static final int MAX_HEADER_BLOCK = 256 * 1024;
    private static final int WINDOW = 1 << 20;
    private static final int MOST_EVENTS = 20_000;
    private static final String[] ERRORS = {
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED"
    };

    private final Wire wire;
    private final ReentrantLock sending = new ReentrantLock();
    private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
    private final DefaultHttp2HeadersDecoder decoder = new DefaultHttp2HeadersDecoder(false, MAX_HEADER_BLOCK);
    private final Map<Integer, Stream> streams = new ConcurrentHashMap<>();
    private final CompletableFuture<Map<Integer, Long>> settings = new CompletableFuture<>();
    private final CompletableFuture<WireException> ended = new CompletableFuture<>();
    private int nextStream = 1;
    /** Bytes taken of the connection's window and not given back yet; the reading thread's. */
    private int owed;

    private Http2(Wire wire) {
        this.wire = wire;
    }

    /** Sends the preface, takes the server's SETTINGS. */
    public static Http2 start(Wire wire, Deadline deadline) throws IOException {
        Http2 connection = new Http2(wire);
        ByteBuffer preface = ByteBuffer.allocate(24 + 9 + 12 + 9 + 4);
        preface.put("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        preface.put(frameHead(12, SETTINGS, 0, 0));
        preface.putShort((short) 2).putInt(0).putShort((short) 4).putInt(WINDOW);
        preface.put(frameHead(4, WINDOW_UPDATE, 0, 0)).putInt(WINDOW);
        wire.note("> SETTINGS ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=" + WINDOW);
        wire.note("> WINDOW_UPDATE " + WINDOW);
        wire.write(preface.array());
        Thread.ofVirtual().name("doctor-http2-" + wire.id()).start(connection::readFrames);
        connection.await(connection.settings, deadline, "no SETTINGS frame came: the peer does not speak HTTP/2");
        return connection;
    }

    /** Setting to value, as the server announced them first. */
    public Map<Integer, Long> settings() {
        return settings.getNow(Map.of());
    }

    public boolean connectProtocolEnabled() {
        return settings().getOrDefault(ENABLE_CONNECT_PROTOCOL, 0L) == 1;
    }

    /** An ordinary request and its whole answer, at most {@code most} bytes of body. */
    public Answer exchange(Request request, String scheme, long most, Deadline deadline) throws IOException {
        long start = System.nanoTime();
        Stream stream = open(headers(request, scheme, Optional.empty()), true, request, "");
        try {
            return stream.answer(request, start, most, deadline);
        } finally {
            stream.close();
        }
    }

    /** An extended CONNECT (RFC 8441 §4); the head is waited for with {@link Stream#head}. */
    public Stream connect(Request request, String scheme, String protocol) throws IOException {
        return open(headers(request, scheme, Optional.of(protocol)), false, request, " :protocol " + protocol);
    }

    private static Http2Headers headers(Request request, String scheme, Optional<String> protocol) {
        Http2Headers headers = new DefaultHttp2Headers(false);
        headers.method(protocol.isPresent() ? "CONNECT" : request.method());
        headers.scheme(scheme);
        headers.path(request.path());
        for (Header header : request.headers()) {
            if (header.name().equalsIgnoreCase("host")) {
                headers.authority(header.value());
            }
        }
        protocol.ifPresent(p -> headers.set(":protocol", p));
        for (Header header : request.headers()) {
            if (!header.name().equalsIgnoreCase("host")) {
                headers.add(header.name().toLowerCase(Locale.ROOT), header.value());
            }
        }
        return headers;
    }

    private Stream open(Http2Headers headers, boolean end, Request request, String note) throws IOException {
        sending.lock();
        try {
            WireException over = ended.getNow(null);
            if (over != null) {
                throw over;
            }
            int id = nextStream;
            nextStream += 2;
            Stream stream = new Stream(id);
            streams.put(id, stream);
            List<String> lines = new ArrayList<>(request.lines("HTTP/2"));
            lines.set(0, "stream " + id + " " + lines.getFirst() + note);
            wire.transcript().request(wire.id(), lines);
            ByteBuf block = Unpooled.buffer();
            try {
                encoder.encodeHeaders(id, headers, block);
                byte[] bytes = new byte[block.readableBytes()];
                block.readBytes(bytes);
                send(HEADERS, END_HEADERS | (end ? END_STREAM : 0), id, bytes);
            } catch (Http2Exception e) {
                throw new WireException(Kind.STREAM_RESET, "these headers cannot be sent over HTTP/2");
            } finally {
                block.release();
            }
            return stream;
        } finally {
            sending.unlock();
        }
    }

    private static byte[] frameHead(int length, int type, int flags, int stream) {
        return ByteBuffer.allocate(9)
                .put((byte) (length >> 16))
                .putShort((short) length)
                .put((byte) type)
                .put((byte) flags)
                .putInt(stream)
                .array();
    }

    private void send(int type, int flags, int stream, byte[] payload) throws IOException {
        sending.lock();
        try {
            ByteBuffer frame = ByteBuffer.allocate(9 + payload.length);
            frame.put(frameHead(payload.length, type, flags, stream)).put(payload);
            wire.write(frame.array());
        } finally {
            sending.unlock();
        }
    }

    private void sendInt(int type, int stream, int value) throws IOException {
        wire.note((stream == 0 ? "> " : "stream " + stream + " > ")
                + (type == WINDOW_UPDATE ? "WINDOW_UPDATE " + value : "RST_STREAM " + error(value)));
        send(type, 0, stream, ByteBuffer.allocate(4).putInt(value).array());
    }

    private <T> T await(CompletableFuture<T> future, Deadline deadline, String late) throws IOException {
        try {
            return future.get(deadline.remainingMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new WireException(Kind.TIMEOUT, late);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof WireException wireFailure
                    ? wireFailure
                    : new WireException(Kind.CLOSED, late);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WireException(Kind.TIMEOUT, "interrupted");
        }
    }

    private void readFrames() {
        WireException why;
        try {
            Deadline never = Deadline.in(Duration.ofHours(24));
            while (true) {
                frame(never);
            }
        } catch (WireException e) {
            why = e;
        } catch (IOException | RuntimeException e) {
            why = new WireException(Kind.NOT_HTTP, "the peer sent what is not HTTP/2");
        }
        ended.complete(why);
        settings.completeExceptionally(why);
        for (Stream stream : streams.values()) {
            stream.events.add(new Failed(why));
        }
        wire.close();
    }

    private void frame(Deadline deadline) throws IOException {
        byte[] head = exactly(9, deadline);
        int length = (head[0] & 0xff) << 16 | (head[1] & 0xff) << 8 | head[2] & 0xff;
        int type = head[3] & 0xff;
        int flags = head[4] & 0xff;
        int id = ByteBuffer.wrap(head).getInt(5) & 0x7fffffff;
        if (!settings.isDone() && (type != SETTINGS || (flags & ACK) != 0)) {
            throw new WireException(
                    Kind.NOT_HTTP,
                    new String(head, StandardCharsets.ISO_8859_1).startsWith("HTTP/1")
                            ? "ALPN chose h2, but the answer is HTTP/1"
                            : "the first frame is not SETTINGS: the peer does not speak HTTP/2");
        }
        if (length > MAX_FRAME) {
            throw new WireException(Kind.NOT_HTTP, "the peer sent a frame larger than HTTP/2 allows");
        }
        byte[] payload = exactly(length, deadline);
        switch (type) {
            case DATA -> data(id, flags, payload);
            case HEADERS -> headerBlock(id, flags, payload, deadline);
            case RST_STREAM -> {
                Stream stream = streams.get(id);
                if (stream != null) {
                    stream.events.add(new Failed(new WireException(
                            Kind.STREAM_RESET,
                            "the peer reset the stream with "
                                    + error(ByteBuffer.wrap(payload).getInt()))));
                }
            }
            case SETTINGS -> settings(flags, payload);
            case PING -> {
                if ((flags & ACK) == 0) {
                    wire.note("> PING ACK");
                    send(PING, ACK, 0, payload);
                }
            }
            case GOAWAY -> goAway(payload);
            default -> {
                // PRIORITY, PUSH_PROMISE (switched off), WINDOW_UPDATE and unknown frames tell us nothing.
            }
        }
    }

    private void goAway(byte[] payload) {
        ByteBuffer bytes = ByteBuffer.wrap(payload);
        int last = bytes.getInt() & 0x7fffffff;
        int code = bytes.getInt();
        String debug = new String(payload, 8, payload.length - 8, StandardCharsets.UTF_8).replaceAll("\\p{Cntrl}", " ");
        WireException why = new WireException(
                Kind.STREAM_RESET,
                "the peer ended the connection with GOAWAY " + error(code)
                        + (debug.isBlank() ? "" : " (" + debug.substring(0, Math.min(80, debug.length())) + ")"));
        if (code != 0) {
            ended.complete(why);
        }
        streams.forEach((id, stream) -> {
            if (id > last || code != 0) {
                stream.events.add(new Failed(why));
            }
        });
    }

    private static String error(int code) {
        return code >= 0 && code < ERRORS.length ? ERRORS[code] : "error " + code;
    }

    private void settings(int flags, byte[] payload) throws IOException {
        if ((flags & ACK) != 0) {
            return;
        }
        Map<Integer, Long> values = new TreeMap<>();
        ByteBuffer bytes = ByteBuffer.wrap(payload);
        while (bytes.remaining() >= 6) {
            values.put(bytes.getShort() & 0xffff, bytes.getInt() & 0xffffffffL);
        }
        if (settings.complete(values)) {
            wire.transcript().add(wire.id(), "< SETTINGS " + values);
        }
        wire.note("> SETTINGS ACK");
        send(SETTINGS, ACK, 0, new byte[0]);
    }

    private void data(int id, int flags, byte[] payload) throws IOException {
        int pad = (flags & 8) != 0 && payload.length > 0 ? payload[0] & 0xff : -1;
        int from = pad >= 0 ? 1 : 0;
        int to = pad >= 0 ? payload.length - pad : payload.length;
        Stream stream = streams.get(id);
        boolean end = (flags & END_STREAM) != 0;
        owed += payload.length;
        if (owed >= WINDOW / 2) {
            sendInt(WINDOW_UPDATE, 0, owed);
            owed = 0;
        }
        if (stream != null) {
            stream.add(new Data(java.util.Arrays.copyOfRange(payload, from, Math.max(from, to)), payload.length, end));
        }
    }

    private void headerBlock(int id, int flags, byte[] payload, Deadline deadline) throws IOException {
        int from = 0;
        int to = payload.length;
        if ((flags & 8) != 0) {
            to -= payload[0] & 0xff;
            from = 1;
        }
        if ((flags & 0x20) != 0) {
            from += 5;
        }
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        block.write(payload, from, to - from);
        for (boolean more = (flags & END_HEADERS) == 0; more; ) {
            byte[] head = exactly(9, deadline);
            int length = (head[0] & 0xff) << 16 | (head[1] & 0xff) << 8 | head[2] & 0xff;
            if (head[3] != CONTINUATION || length > MAX_FRAME || block.size() > MAX_HEADER_BLOCK) {
                throw new WireException(Kind.NOT_HTTP, "the peer sent headers that HTTP/2 does not allow");
            }
            block.writeBytes(exactly(length, deadline));
            more = (head[4] & END_HEADERS) == 0;
        }
        List<Header> headers = new ArrayList<>();
        try {
            decoder.decodeHeaders(id, Unpooled.wrappedBuffer(block.toByteArray()))
                    .forEach(e -> headers.add(
                            new Header(e.getKey().toString(), e.getValue().toString())));
        } catch (Http2Exception e) {
            throw new WireException(Kind.NOT_HTTP, "the peer sent headers that cannot be decompressed");
        }
        Stream stream = streams.get(id);
        if (stream != null) {
            stream.add(new Head(headers, (flags & END_STREAM) != 0));
        }
    }

    private byte[] exactly(int size, Deadline deadline) throws IOException {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            int octet = wire.read(deadline);
            if (octet < 0) {
                throw new WireException(Kind.CLOSED, "the peer closed the HTTP/2 connection");
            }
            bytes[i] = (byte) octet;
        }
        return bytes;
    }

    @Override
    public void close() {
        wire.close();
    }

    private sealed interface Event {}

    private record Head(List<Header> headers, boolean end) implements Event {}

    /** @param credit what it took of the window, padding included */
    private record Data(byte[] bytes, int credit, boolean end) implements Event {}

    private record Failed(WireException why) implements Event {}

    /** One stream; reading belongs to one thread. */
    public final class Stream implements Duplex {
        private final int id;
        private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
        private byte[] current = new byte[0];
        private int owedOfStream;
        private int position;
        private boolean ended;

        private Stream(int id) {
            this.id = id;
        }

        /** The window bounds what is kept of bodies, this the rest. */
        private void add(Event event) throws WireException {
            if (events.size() > MOST_EVENTS) {
                throw new WireException(Kind.TOO_LARGE, "the peer sends more frames than anybody could read");
            }
            events.add(event);
        }

        /** The window is opened again by what has been read, so that nobody can fill the memory. */
        private @Nullable Event next(Deadline deadline) throws IOException {
            try {
                Event event = events.poll(deadline.remaining().toMillis(), TimeUnit.MILLISECONDS);
                if (event instanceof Data data) {
                    owedOfStream += data.credit;
                    if (owedOfStream >= WINDOW / 2 && !data.end) {
                        sendInt(WINDOW_UPDATE, id, owedOfStream);
                        owedOfStream = 0;
                    }
                }
                return event;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new WireException(Kind.TIMEOUT, "interrupted");
            }
        }

        /** The final head; informational ones are passed over. */
        public Answer head(long start, Deadline deadline) throws IOException {
            while (true) {
                switch (next(deadline)) {
                    case null ->
                        throw new WireException(Kind.TIMEOUT, "no answer came on the stream within the time allowed");
                    case Failed failed -> throw failed.why;
                    case Data early -> throw new WireException(Kind.NOT_HTTP, "a body came before its headers");
                    case Head head -> {
                        int status = Header.first(head.headers, ":status")
                                .filter(s -> s.matches("[1-9][0-9]{2}"))
                                .map(Integer::parseInt)
                                .orElseThrow(() -> new WireException(Kind.NOT_HTTP, "an answer without :status"));
                        if (status >= 200) {
                            ended = head.end;
                            Duration now = Duration.ofNanos(System.nanoTime() - start);
                            Answer answer = new Answer(
                                    "HTTP/2",
                                    status,
                                    "",
                                    head.headers.stream()
                                            .filter(h -> !h.name().startsWith(":"))
                                            .toList(),
                                    new byte[0],
                                    0,
                                    head.end ? Answer.End.COMPLETE : Answer.End.OPEN,
                                    now,
                                    now,
                                    List.of());
                            wire.transcript().answer(wire.id(), answer.lines());
                            return answer;
                        }
                    }
                }
            }
        }

        /** Head and body. */
        Answer answer(Request request, long start, long most, Deadline deadline) throws IOException {
            Answer head = head(start, deadline);
            if (head.isUnaskedEventStream(request)) {
                return head;
            }
            ByteArrayOutputStream kept = new ByteArrayOutputStream();
            List<Answer.Arrival> arrivals = new ArrayList<>();
            long length = 0;
            Answer.End end = Answer.End.COMPLETE;
            while (!ended) {
                if (length >= most) {
                    end = Answer.End.LIMIT;
                    break;
                }
                Event event = next(deadline);
                if (event == null || event instanceof Failed) {
                    end = event == null ? Answer.End.TIMEOUT : Answer.End.CUT;
                    break;
                }
                if (event instanceof Data data) {
                    ended = data.end;
                    if (data.bytes.length == 0) {
                        continue;
                    }
                    length += data.bytes.length;
                    kept.write(data.bytes, 0, Math.min(data.bytes.length, Math.max(0, Answer.KEPT - kept.size())));
                    if (arrivals.size() < 500) {
                        arrivals.add(
                                new Answer.Arrival(Duration.ofNanos(System.nanoTime() - start), data.bytes.length));
                    }
                } else {
                    ended = true;
                }
            }
            return new Answer(
                    head.version(),
                    head.status(),
                    "",
                    head.headers(),
                    kept.toByteArray(),
                    length,
                    end,
                    head.firstByte(),
                    Duration.ofNanos(System.nanoTime() - start),
                    arrivals);
        }

        @Override
        public int read(Deadline deadline) throws IOException {
            while (position == current.length) {
                if (ended) {
                    return -1;
                }
                switch (next(deadline)) {
                    case null -> throw new WireException(Kind.TIMEOUT, "nothing more came within the time allowed");
                    case Failed failed -> throw failed.why;
                    case Head trailers -> ended = true;
                    case Data data -> {
                        current = data.bytes;
                        position = 0;
                        ended = data.end;
                    }
                }
            }
            return current[position++] & 0xff;
        }

        @Override
        public void write(byte[] bytes) throws IOException {
            send(DATA, 0, id, bytes);
        }

        @Override
        public void note(String line) {
            wire.note("stream " + id + " " + line);
        }

        /** Cancels what has not ended. */
        @Override
        public void close() {
            streams.remove(id);
            if (!ended) {
                try {
                    sendInt(RST_STREAM, id, 8);
                } catch (IOException gone) {
                    ended = true;
                }
            }
        }
    }
}
