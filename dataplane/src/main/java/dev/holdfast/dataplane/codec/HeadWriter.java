package dev.holdfast.dataplane.codec;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.AsciiString;
import io.netty.util.concurrent.FastThreadLocal;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.Map;

/** Writes messages of HTTP/1.1 (RFC 9112): heads, and what stands between the pieces of a chunked body. */
public final class HeadWriter {
    private static final byte[] VERSION = " HTTP/1.1\r\n".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] START = "HTTP/1.1 ".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] HEXADECIMAL = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);
    static final int CRLF = '\r' << 8 | '\n';
    private static final ByteBuf LINE_END = constant("\r\n");
    private static final ByteBuf BODY_END = constant("\r\n0\r\n\r\n");
    /** Eight digits and a line's end, a line's end, and the body's end. */
    private static final int MOST_AROUND_A_CHUNK = 17;
    /** What is copied into one buffer with what stands around it, rather than written as three. */
    private static final int SMALL_CHUNK = 1_024;

    private static final int LARGEST_KEPT = 16_384;

    /** Heads are put together here, and copied once to where the socket takes them from. */
    private static final FastThreadLocal<byte[]> DESK = new FastThreadLocal<>() {
        @Override
        protected byte[] initialValue() {
            return new byte[LARGEST_KEPT];
        }
    };

    private HeadWriter() {}

    /**
     * A request's head.
     *
     * @param fields without {@code Host}, which goes before them (RFC 9110 §7.2)
     * @throws IllegalArgumentException where the target has what would end it, by a rewrite that nobody has thought through
     */
    public static ByteBuf request(
            ByteBufAllocator buffers, String method, String target, CharSequence host, HttpHeaders fields) {
        byte[] desk = desk(method.length() + target.length() + host.length() + length(fields) + 24);
        int at = put(desk, 0, method);
        desk[at++] = ' ';
        int from = at;
        at = put(desk, at, target);
        for (int i = from; i < at; i++) {
            if (desk[i] == 127 || desk[i] >= 0 && desk[i] <= ' ') {
                throw new IllegalArgumentException("a request's target is one word (RFC 9112 §3.2)");
            }
        }
        at = put(desk, at, VERSION);
        at = field(desk, at, HttpHeaderNames.HOST, host);
        at = fields(desk, at, fields);
        return sealed(buffers, desk, at, 0);
    }

    /** An answer's head. */
    public static ByteBuf response(ByteBufAllocator buffers, int status, HttpHeaders fields) {
        return response(buffers, status, fields, 0);
    }

    /** With room for {@code more} octets behind it. */
    private static ByteBuf response(ByteBufAllocator buffers, int status, HttpHeaders fields, int more) {
        HttpResponseStatus line = HttpResponseStatus.valueOf(status);
        byte[] desk = desk(line.reasonPhrase().length() + length(fields) + 17);
        int at = put(desk, 0, START);
        at = put(desk, at, line.codeAsText());
        desk[at++] = ' ';
        at = put(desk, at, line.reasonPhrase());
        desk[at++] = '\r';
        desk[at++] = '\n';
        at = fields(desk, at, fields);
        return sealed(buffers, desk, at, more);
    }

    private static ByteBuf sealed(ByteBufAllocator buffers, byte[] desk, int length, int more) {
        desk[length] = '\r';
        desk[length + 1] = '\n';
        return buffers.buffer(length + 2 + more).writeBytes(desk, 0, length + 2);
    }

    /** A piece of a chunked body, with the body's end behind it where {@code end}; gives what came of the last buffer. */
    public static ChannelFuture chunk(ChannelHandlerContext to, ByteBuf data, boolean end, ChannelPromise last) {
        int size = data.readableBytes();
        if (size <= SMALL_CHUNK) {
            return to.write(chunk(to.alloc().buffer(size + MOST_AROUND_A_CHUNK), data, end), last);
        }
        to.write(size(to.alloc().buffer(MOST_AROUND_A_CHUNK), size), to.voidPromise());
        to.write(data, to.voidPromise());
        return to.write((end ? BODY_END : LINE_END).duplicate(), last);
    }

    /** Puts the piece into {@code out}, which has room for it, and {@link #MOST_AROUND_A_CHUNK} octets more. */
    static ByteBuf chunk(ByteBuf out, ByteBuf data, boolean end) {
        if (data.isReadable()) {
            size(out, data.readableBytes()).writeBytes(data).writeShort(CRLF);
        }
        data.release();
        return end ? out.writeByte('0').writeShort(CRLF).writeShort(CRLF) : out;
    }

    /** An answer's head and the first piece of its body, which is small, in one buffer. */
    public static ByteBuf response(
            ByteBufAllocator buffers, int status, HttpHeaders fields, ByteBuf data, boolean chunked, boolean end) {
        ByteBuf out = response(buffers, status, fields, data.readableBytes() + MOST_AROUND_A_CHUNK);
        if (chunked) {
            return chunk(out, data, end);
        }
        out.writeBytes(data);
        data.release();
        return out;
    }

    /** A chunked body's end, with its trailers. */
    public static ByteBuf end(ByteBufAllocator buffers, HttpHeaders trailers) {
        Http1Reader.stripFraming(trailers);
        byte[] desk = desk(length(trailers) + 3);
        desk[0] = '0';
        desk[1] = '\r';
        desk[2] = '\n';
        return sealed(buffers, desk, fields(desk, 3, trailers), 0);
    }

    private static ByteBuf size(ByteBuf out, int size) {
        int digits = (35 - Integer.numberOfLeadingZeros(size)) / 4;
        for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
            out.writeByte(HEXADECIMAL[size >>> shift & 0xf]);
        }
        return out.writeShort(CRLF);
    }

    private static ByteBuf constant(String text) {
        ByteBuf octets = Unpooled.directBuffer(text.length());
        octets.writeCharSequence(text, StandardCharsets.ISO_8859_1);
        return Unpooled.unreleasableBuffer(octets).asReadOnly();
    }

    private static byte[] desk(int length) {
        return length + 2 <= LARGEST_KEPT ? DESK.get() : new byte[length + 2];
    }

    private static int length(HttpHeaders fields) {
        if (fields instanceof FieldSection section) {
            return section.length();
        }
        int sum = 0;
        Iterator<Map.Entry<CharSequence, CharSequence>> all = fields.iteratorCharSequence();
        while (all.hasNext()) {
            Map.Entry<CharSequence, CharSequence> field = all.next();
            sum += field.getKey().length() + field.getValue().length() + 4;
        }
        return sum;
    }

    private static int fields(byte[] to, int begin, HttpHeaders fields) {
        if (fields instanceof FieldSection section) {
            return section.write(to, begin);
        }
        int at = begin;
        Iterator<Map.Entry<CharSequence, CharSequence>> all = fields.iteratorCharSequence();
        while (all.hasNext()) {
            Map.Entry<CharSequence, CharSequence> field = all.next();
            at = field(to, at, field.getKey(), field.getValue());
        }
        return at;
    }

    static int field(byte[] to, int begin, CharSequence name, CharSequence value) {
        int at = put(to, begin, name);
        to[at++] = ':';
        to[at++] = ' ';
        at = put(to, at, value);
        to[at++] = '\r';
        to[at++] = '\n';
        return at;
    }

    private static int put(byte[] to, int at, byte[] octets) {
        System.arraycopy(octets, 0, to, at, octets.length);
        return at + octets.length;
    }

    /** As ISO 8859-1, which is what fields are (RFC 9110 §5.5); what it lacks becomes a question mark. */
    @SuppressWarnings("deprecation")
    static int put(byte[] to, int at, CharSequence text) {
        int length = text.length();
        if (text instanceof AsciiString ascii) {
            System.arraycopy(ascii.array(), ascii.arrayOffset(), to, at, length);
        } else {
            for (int i = 0; i < length; i++) {
                to[at + i] = AsciiString.c2b(text.charAt(i));
            }
        }
        return at + length;
    }
}
