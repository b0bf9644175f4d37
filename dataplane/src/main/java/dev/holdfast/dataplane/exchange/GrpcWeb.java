package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The client's end of a call by gRPC-Web, for a backend that speaks gRPC (PROTOCOL-WEB.md of grpc/grpc; Envoy's grpc_web
 * filter). Messages are the same on both sides; trailers, which browsers cannot read, become a last frame of the body:
 *
 * <pre>
 *   grpc-status: 0              80 00 00 00 0f "grpc-status:0\r\n"
 * </pre>
 *
 * In the text form everything in the body is base64, each part padded for itself.
 */
final class GrpcWeb implements Downstream {
    private static final String GRPC = "application/grpc";
    private static final String WEB = "application/grpc-web";
    private static final String TEXT = "application/grpc-web-text";
    private static final int TRAILERS = 0x80;

    private final Downstream client;
    private final boolean textRequest;
    private final boolean textResponse;
    private boolean bridged;
    /** Of the request's text, what is no whole group of four yet. */
    private byte[] group = new byte[0];

    private GrpcWeb(Downstream client, boolean textRequest, boolean textResponse) {
        this.client = client;
        this.textRequest = textRequest;
        this.textResponse = textResponse;
    }

    /** Null where the request is no call by gRPC-Web. */
    static @Nullable GrpcWeb of(HttpHeaders request, Downstream client) {
        String type = type(request);
        if (!is(type, WEB) && !is(type, TEXT)) {
            return null;
        }
        boolean text = is(type, TEXT);
        String accept = request.get(HttpHeaderNames.ACCEPT, "").toLowerCase(Locale.ROOT);
        return new GrpcWeb(client, text, accept.contains(WEB) ? accept.contains(TEXT) : text);
    }

    /** {@code application/grpc} is not {@code application/grpc-web}: what follows must be a subtype's suffix or nothing. */
    private static boolean is(String type, String form) {
        return type.startsWith(form) && (type.length() == form.length() || type.charAt(form.length()) == '+');
    }

    private static String type(HttpHeaders headers) {
        String value = headers.get(HttpHeaderNames.CONTENT_TYPE, "");
        int parameters = value.indexOf(';');
        return (parameters < 0 ? value : value.substring(0, parameters)).strip().toLowerCase(Locale.ROOT);
    }

    // ---- the request

    /** Makes of the request's headers what a gRPC server wants. */
    void toGrpc(HttpHeaders headers) {
        String type = type(headers);
        headers.set(HttpHeaderNames.CONTENT_TYPE, GRPC + type.substring((textRequest ? TEXT : WEB).length()));
        headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        headers.remove(HttpHeaderNames.ACCEPT);
        headers.set(HttpHeaderNames.TE, HttpHeaderValues.TRAILERS);
    }

    /** Owns {@code data}; what it stands for, null where that is no base64. */
    @Nullable
    ByteBuf request(ByteBuf data, boolean end) {
        if (!textRequest) {
            return data;
        }
        byte[] text = Arrays.copyOf(group, group.length + data.readableBytes());
        data.readBytes(text, group.length, data.readableBytes());
        data.release();
        int whole = text.length / 4 * 4;
        group = Arrays.copyOfRange(text, whole, text.length);
        ByteBuf made = Unpooled.buffer(whole / 4 * 3);
        try {
            for (int from = 0; from < whole; ) {
                // Padding ends a part, after which there may be another.
                int padding = from;
                while (padding < whole && text[padding] != '=') {
                    padding++;
                }
                int to = padding == whole ? whole : (padding / 4 + 1) * 4;
                made.writeBytes(Base64.getDecoder().decode(Arrays.copyOfRange(text, from, to)));
                from = to;
            }
        } catch (IllegalArgumentException notBase64) {
            return null;
        }
        return end && group.length > 0 ? null : made;
    }

    // ---- the answer

    @Override
    public void respond(ResponseHead head, boolean end) {
        HttpHeaders headers = head.headers();
        String type = type(headers);
        if (head.status() >= 200 && is(type, GRPC)) {
            bridged = true;
            String suffix = type.substring(GRPC.length());
            headers.set(
                    HttpHeaderNames.CONTENT_TYPE, (textResponse ? TEXT : WEB) + (suffix.isEmpty() ? "+proto" : suffix));
            if (!end) {
                headers.remove(HttpHeaderNames.CONTENT_LENGTH);
            }
        }
        client.respond(head, end);
    }

    @Override
    public void data(ByteBuf data, boolean end) {
        client.data(bridged && textResponse ? encode(data) : data, end);
    }

    /** Each part is padded for itself, as the protocol allows, so that none waits for the next. */
    private static ByteBuf encode(ByteBuf data) {
        byte[] plain = new byte[data.readableBytes()];
        data.readBytes(plain);
        data.release();
        return Unpooled.wrappedBuffer(Base64.getEncoder().encode(plain));
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        if (!bridged) {
            client.trailers(trailers);
            return;
        }
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> trailer : trailers) {
            text.append(trailer.getKey().toLowerCase(Locale.ROOT))
                    .append(':')
                    .append(trailer.getValue())
                    .append("\r\n");
        }
        byte[] block = text.toString().getBytes(StandardCharsets.ISO_8859_1);
        data(
                Unpooled.buffer(5 + block.length)
                        .writeByte(TRAILERS)
                        .writeInt(block.length)
                        .writeBytes(block),
                true);
    }

    @Override
    public void flush() {
        client.flush();
    }

    // ---- as the client is

    @Override
    public EventLoop loop() {
        return client.loop();
    }

    @Override
    public Connection connection() {
        return client.connection();
    }

    @Override
    public boolean writable() {
        return client.writable();
    }

    @Override
    public void reading(boolean on) {
        client.reading(on);
    }

    @Override
    public void abort() {
        client.abort();
    }
}
