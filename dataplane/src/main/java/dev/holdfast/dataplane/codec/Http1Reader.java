package dev.holdfast.dataplane.codec;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the messages of one HTTP/1.1 connection (RFC 9112) out of what its socket brings, however that is cut. Strict: what
 * could be read in two ways is malformed. Lines end with CR LF, a name is a token and has its colon at once, a length is one
 * number, and chunked is the only coding. A head is copied once, into the octets of its {@link FieldSection}; a body passes in the buffers
 * in which it came.
 */
public abstract class Http1Reader {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101010101010101L;
    private static final long SPACES = 0x2020202020202020L;
    private static final long DELETES = 0x7f7f7f7f7f7f7f7fL;
    private static final long HIGH_BITS = 0x8080808080808080L;

    private static final int LONGEST_FIRST_LINE = 16_384;
    private static final int LONGEST_CHUNK_LINE = 4_096;
    /** Of a head's copy at first; most are smaller. */
    private static final int FIRST_READ = 1_024;

    private static final int FIELDS = 16;
    private static final byte[] NOTHING = {};

    /** What may be part of a name (RFC 9110 §5.6.2). */
    private static final boolean[] TOKEN = new boolean[256];

    static {
        for (char c = '!'; c < 127; c++) {
            TOKEN[c] = "\"(),/:;<=>?@[\\]{}".indexOf(c) < 0;
        }
    }

    // What a message's fields say of its body, where it is no length.
    static final long CHUNKED = -1;
    static final long UNTIL_CLOSE = -2;
    static final long MALFORMED = -3;

    /** Whom the parts of messages are told. Buffers are owned by the callee. */
    public interface Sink {
        /** {@code end} ends the message. */
        void data(ByteBuf data, boolean end);

        /** They end the message. */
        void trailers(HttpHeaders trailers);

        /** What came is no message, and nothing more is read. */
        void malformed(boolean tooLarge);
    }

    private enum State {
        HEAD,
        LENGTH,
        CHUNK_SIZE,
        CHUNK,
        CHUNK_END,
        TRAILERS,
        UNTIL_CLOSE,
        /** Between a message's end and {@link #next}. */
        WAITING,
        RAW,
        BROKEN
    }

    private final Sink sink;
    private final int maxFieldBytes;
    private State state = State.HEAD;
    /** Of the body, or of the chunk. */
    private long left;

    private @Nullable ByteBuf pending;
    /** What is being read now. */
    private @Nullable ByteBuf current;

    // A head, or trailers, as far as they have come.
    private byte[] octets = NOTHING;
    private int have;
    private int line;
    private int look;
    private int fieldsBegin = -1;
    private @Nullable FieldSection fields;

    Http1Reader(Sink sink, int maxFieldBytes) {
        this.sink = sink;
        this.maxFieldBytes = maxFieldBytes;
    }

    /** What the first line says; false where it is none. */
    abstract boolean firstLine(byte[] in, int begin, int end);

    /** How long the body is, or one of {@link #CHUNKED}, {@link #UNTIL_CLOSE} and {@link #MALFORMED}. */
    abstract long body(FieldSection section);

    /** Tells the head; {@code end} where no body follows. */
    abstract void head(FieldSection section, boolean end);

    /** Whether the next message waits until it is asked for. */
    abstract boolean oneByOne();

    /** Whether whitespace before a colon is taken off rather than refused (RFC 9112 §5.1). */
    abstract boolean lenient();

    // ---- from outside

    /** Takes what has come. */
    public final void read(ByteBufAllocator buffers, ByteBuf came) {
        ByteBuf in = came;
        ByteBuf before = pending;
        if (before != null) {
            in = buffers.buffer(before.readableBytes() + came.readableBytes());
            in.writeBytes(before).writeBytes(came);
            before.release();
            came.release();
            pending = null;
        }
        run(in);
    }

    /** Reads the next message, of which a part, or all, may be here already. */
    public final void next() {
        if (state == State.WAITING) {
            state = State.HEAD;
        }
        ByteBuf in = pending;
        if (in != null && current == null) {
            pending = null;
            run(in);
        }
    }

    /** Whether there is something that has come and was not told yet. */
    public final boolean holds() {
        ByteBuf now = current;
        return pending != null || have > 0 || (now != null && now.isReadable());
    }

    /** Whether a head has begun and is not whole yet. */
    public final boolean within() {
        return state == State.HEAD && have > 0;
    }

    /** From here on what comes is no HTTP/1.1: it is told as data without end. */
    public final void raw() {
        state = State.RAW;
    }

    /** Nothing more comes; what goes on until then has ended, anything else has been cut. */
    public final void closed() {
        if (state == State.UNTIL_CLOSE) {
            over();
            sink.data(Unpooled.EMPTY_BUFFER, true);
        }
    }

    /** Lets go of what has not been told. */
    public final void drop() {
        state = State.BROKEN;
        ByteBuf in = pending;
        pending = null;
        if (in != null) {
            in.release();
        }
        forget();
    }

    // ---- the parts

    private void run(ByteBuf in) {
        boolean mine = true;
        current = in;
        try {
            while (in.isReadable()) {
                if (passesOn() && in.readableBytes() <= mostToPass()) {
                    // All of it: no slice, and no count of those who hold it.
                    mine = false;
                    current = null;
                    pass(in, in.readableBytes());
                    return;
                }
                if (!step(in)) {
                    break;
                }
            }
            if (in.isReadable() && state != State.BROKEN) {
                pending = in;
                mine = false;
            }
        } finally {
            current = null;
            if (mine) {
                in.release();
            }
        }
    }

    private boolean passesOn() {
        return switch (state) {
            case LENGTH, CHUNK, UNTIL_CLOSE, RAW -> true;
            case HEAD, CHUNK_SIZE, CHUNK_END, TRAILERS, WAITING, BROKEN -> false;
        };
    }

    private long mostToPass() {
        return state == State.LENGTH || state == State.CHUNK ? left : Long.MAX_VALUE;
    }

    /** {@code part} is a part of the body, {@code size} long. */
    private void pass(ByteBuf part, int size) {
        switch (state) {
            case LENGTH -> {
                left -= size;
                if (left == 0) {
                    over();
                    sink.data(part, true);
                } else {
                    sink.data(part, false);
                }
            }
            case CHUNK -> {
                left -= size;
                if (left == 0) {
                    state = State.CHUNK_END;
                }
                sink.data(part, false);
            }
            default -> sink.data(part, false);
        }
    }

    /** One part of the message; false where more must come, or be asked for, first. */
    private boolean step(ByteBuf in) {
        switch (state) {
            case LENGTH, CHUNK -> {
                int size = (int) Math.min(in.readableBytes(), left);
                ByteBuf part = in.readRetainedSlice(size);
                if (state == State.CHUNK && left == size && endsBody(in)) {
                    over();
                    sink.data(part, true);
                } else {
                    pass(part, size);
                }
                return true;
            }
            case CHUNK_SIZE -> {
                return chunkSize(in);
            }
            case CHUNK_END -> {
                if (in.readableBytes() < 2) {
                    return false;
                }
                if (in.readShort() != HeadWriter.CRLF) {
                    return broken(false);
                }
                state = State.CHUNK_SIZE;
                return true;
            }
            case HEAD, TRAILERS -> {
                return section(in);
            }
            case WAITING -> {
                skipEmptyLines(in);
                return false;
            }
            default -> {
                in.skipBytes(in.readableBytes());
                return false;
            }
        }
    }

    private static final long BODY_END = 0x0d0a_300d_0a0d_0aL;

    /** The last chunk without trailers, all here: what follows a body that came at once. */
    private static boolean endsBody(ByteBuf in) {
        int at = in.readerIndex();
        boolean ends = in.readableBytes() >= 7
                && ((in.getInt(at) & 0xffff_ffffL) << 24 | in.getUnsignedMedium(at + 4)) == BODY_END;
        if (ends) {
            in.skipBytes(7);
        }
        return ends;
    }

    /** RFC 9112 §7.1. Extensions are thrown away (§7.1.1). */
    private boolean chunkSize(ByteBuf in) {
        int begin = in.readerIndex();
        int most = Math.min(in.readableBytes(), LONGEST_CHUNK_LINE);
        long size = 0;
        int i = 0;
        int digit = 0;
        for (; i < most && (digit = hexadecimal(in.getByte(begin + i))) >= 0; i++) {
            size = size << 4 | digit;
            if (size > Integer.MAX_VALUE) {
                return broken(false);
            }
        }
        if (i == 0 && most > 0 && digit < 0) {
            return broken(false);
        }
        int digits = i;
        boolean extension = false;
        for (; i < most; i++) {
            int octet = in.getByte(begin + i) & 0xff;
            if (octet == '\r') {
                if (i + 1 == most) {
                    break;
                }
                if (in.getByte(begin + i + 1) != '\n' || (i > digits && !extension)) {
                    return broken(false);
                }
                in.readerIndex(begin + i + 2);
                if (size == 0) {
                    state = State.TRAILERS;
                } else {
                    left = size;
                    state = State.CHUNK;
                }
                return true;
            }
            extension |= octet == ';';
            boolean text = octet == '\t' || (octet >= ' ' && octet != 127);
            if (!text || (!extension && octet != ' ' && octet != '\t')) {
                return broken(false);
            }
        }
        return most == LONGEST_CHUNK_LINE && broken(false);
    }

    private static int hexadecimal(byte octet) {
        return octet >= '0' && octet <= '9'
                ? octet - '0'
                : (octet | 0x20) >= 'a' && (octet | 0x20) <= 'f' ? (octet | 0x20) - 'a' + 10 : -1;
    }

    // ---- heads and trailers

    /** Copies what is there of a head or of trailers, and reads the lines that are whole. */
    private boolean section(ByteBuf in) {
        if (have == 0) {
            if (state == State.HEAD) {
                skipEmptyLines(in);
                if (!in.isReadable()) {
                    return false;
                }
            } else {
                fieldsBegin = 0;
            }
        }
        while (in.isReadable()) {
            int size = Math.min(in.readableBytes(), Math.max(FIRST_READ, have));
            if (have + size + FieldSection.ROOM > octets.length) {
                octets = Arrays.copyOf(octets, Math.max(have + size + FieldSection.ROOM, octets.length * 2));
                if (fields != null) {
                    fields.octets(octets, have);
                }
            }
            int start = have;
            in.readBytes(octets, have, size);
            have += size;
            int end = lines();
            if (end == BAD) {
                return broken(false);
            }
            if (end == TOO_LARGE) {
                return broken(true);
            }
            if (end >= 0) {
                in.readerIndex(in.readerIndex() - size + end - start);
                return whole(end);
            }
        }
        return true;
    }

    /** Before a request they are ignored, for some clients send one behind a body (RFC 9112 §2.2). */
    private static void skipEmptyLines(ByteBuf in) {
        while (in.isReadable() && isLineEnd(in.getByte(in.readerIndex()))) {
            in.skipBytes(1);
        }
    }

    private static boolean isLineEnd(byte octet) {
        return octet == '\r' || octet == '\n';
    }

    private static final int MORE = -1;
    private static final int BAD = -2;
    private static final int TOO_LARGE = -3;

    /** Gives where the section has ended, or one of {@link #MORE}, {@link #BAD} and {@link #TOO_LARGE}. */
    private int lines() {
        byte[] in = octets;
        while (true) {
            int at = special(in, look, have);
            while (at < have && in[at] == '\t') {
                at = special(in, at + 1, have);
            }
            boolean tooLarge = fieldsBegin < 0 ? at > LONGEST_FIRST_LINE : at - fieldsBegin > maxFieldBytes;
            if (tooLarge) {
                return TOO_LARGE;
            }
            if (at + 1 >= have) {
                look = at;
                return at < have && in[at] != '\r' ? BAD : MORE;
            }
            if (in[at] != '\r' || in[at + 1] != '\n') {
                return BAD;
            }
            int begin = line;
            line = at + 2;
            look = line;
            if (fieldsBegin < 0) {
                if (!firstLine(in, begin, at)) {
                    return BAD;
                }
                fieldsBegin = line;
            } else if (at == begin) {
                return line;
            } else if (!field(in, begin, at)) {
                return BAD;
            }
        }
    }

    private boolean field(byte[] in, int begin, int end) {
        FieldSection to = fields;
        if (to == null) {
            to = new FieldSection(in, have, FIELDS);
            fields = to;
        }
        if (in[begin] == ' ' || in[begin] == '\t') {
            return fold(to, in, begin, end);
        }
        int nameEnd = begin;
        while (nameEnd < end && TOKEN[in[nameEnd] & 0xff]) {
            nameEnd++;
        }
        int colon = lenient() ? firstText(in, nameEnd, end) : nameEnd;
        if (nameEnd == begin || colon == end || in[colon] != ':') {
            return false;
        }
        int valueBegin = firstText(in, colon + 1, end);
        int valueEnd = textEnd(in, valueBegin, end);
        to.span(begin, nameEnd, valueBegin, valueEnd);
        return true;
    }

    /** A line that goes on from the one before is joined to it by spaces (RFC 9112 §5.2). */
    private static boolean fold(FieldSection to, byte[] in, int begin, int end) {
        int before = to.lastValueEnd();
        if (before < 0) {
            return false;
        }
        int valueBegin = firstText(in, begin, end);
        int valueEnd = textEnd(in, valueBegin, end);
        if (valueEnd > valueBegin) {
            Arrays.fill(in, before, valueBegin, (byte) ' ');
            to.stretch(valueEnd);
        }
        return true;
    }

    private static boolean isSpace(byte octet) {
        return octet == ' ' || octet == '\t';
    }

    /** Where whitespace is over; {@code end} where there is nothing else. */
    static int firstText(byte[] in, int begin, int end) {
        int at = begin;
        while (at < end && isSpace(in[at])) {
            at++;
        }
        return at;
    }

    /** Where what is not whitespace has ended. */
    static int textEnd(byte[] in, int begin, int end) {
        int at = end;
        while (at > begin && isSpace(in[at - 1])) {
            at--;
        }
        return at;
    }

    static boolean isToken(byte[] in, int begin, int end) {
        for (int i = begin; i < end; i++) {
            if (!TOKEN[in[i] & 0xff]) {
                return false;
            }
        }
        return end > begin;
    }

    /** The first control character, which a line's end begins with, eight octets at a time. */
    private static int special(byte[] in, int from, int to) {
        int i = from;
        for (; i + 8 <= to; i += 8) {
            long word = (long) LONGS.get(in, i);
            long deletes = word ^ DELETES;
            long found = (((word - SPACES) & ~word) | ((deletes - ONES) & ~deletes)) & HIGH_BITS;
            if (found != 0) {
                return i + (Long.numberOfTrailingZeros(found) >>> 3);
            }
        }
        while (i < to && (in[i] < 0 || in[i] >= ' ') && in[i] != 127) {
            i++;
        }
        return i;
    }

    private boolean whole(int end) {
        boolean head = state == State.HEAD;
        FieldSection section = fields;
        if (section == null && !head) {
            forget();
            over();
            sink.data(Unpooled.EMPTY_BUFFER, true);
            return true;
        }
        if (section == null) {
            section = new FieldSection(octets, end, FIELDS);
        }
        section.octets(octets, end);
        forget();
        if (!head) {
            stripFraming(section);
            over();
            if (section.isEmpty()) {
                sink.data(Unpooled.EMPTY_BUFFER, true);
            } else {
                sink.trailers(section);
            }
            return true;
        }
        long body = body(section);
        if (body == MALFORMED) {
            return broken(false);
        }
        if (body == 0) {
            over();
        } else {
            left = body;
            state = body == CHUNKED ? State.CHUNK_SIZE : body == UNTIL_CLOSE ? State.UNTIL_CLOSE : State.LENGTH;
        }
        head(section, body == 0);
        return true;
    }

    private static final List<CharSequence> NOT_IN_TRAILERS =
            List.of(HttpHeaderNames.CONTENT_LENGTH, HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderNames.TRAILER);

    /** RFC 9110 §6.5.1: what frames a message cannot come behind it. */
    static void stripFraming(HttpHeaders trailers) {
        for (CharSequence framing : NOT_IN_TRAILERS) {
            if (trailers.contains(framing)) {
                trailers.remove(framing);
            }
        }
    }

    private void over() {
        state = oneByOne() ? State.WAITING : State.HEAD;
    }

    private void forget() {
        octets = NOTHING;
        have = 0;
        line = 0;
        look = 0;
        fieldsBegin = -1;
        fields = null;
    }

    private boolean broken(boolean tooLarge) {
        forget();
        state = State.BROKEN;
        sink.malformed(tooLarge);
        return false;
    }

    // ---- what both kinds of messages have

    /** What fields say of a body (RFC 9112 §6.3): a length, or one of the three, {@link #UNTIL_CLOSE} where they say nothing. */
    static long framed(FieldSection section, int minorVersion) {
        List<String> codings = section.getAll(HttpHeaderNames.TRANSFER_ENCODING);
        long length = section.only(HttpHeaderNames.CONTENT_LENGTH);
        if (codings.isEmpty()) {
            return length == FieldSection.NONE ? UNTIL_CLOSE : length == FieldSection.NO_NUMBER ? MALFORMED : length;
        }
        boolean chunked = codings.size() == 1 && codings.getFirst().equalsIgnoreCase("chunked");
        return chunked && length == FieldSection.NONE && minorVersion > 0 ? CHUNKED : MALFORMED;
    }

    /** The minor version where it is HTTP/1.x (RFC 9112 §2.3), or -1. */
    static int minorVersion(byte[] in, int begin, int end) {
        boolean http1 = end - begin == 8
                && in[begin] == 'H'
                && in[begin + 1] == 'T'
                && in[begin + 2] == 'T'
                && in[begin + 3] == 'P'
                && in[begin + 4] == '/'
                && in[begin + 5] == '1'
                && in[begin + 6] == '.'
                && in[begin + 7] >= '0'
                && in[begin + 7] <= '9';
        return http1 ? in[begin + 7] - '0' : -1;
    }

    /** Whether the connection stays after the message (RFC 9112 §9.3). */
    static boolean staysOpen(int minorVersion, HttpHeaders fields) {
        boolean closes = fields.containsValue(HttpHeaderNames.CONNECTION, "close", true);
        return !closes && (minorVersion > 0 || fields.containsValue(HttpHeaderNames.CONNECTION, "keep-alive", true));
    }
}
