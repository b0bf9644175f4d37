package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.Downstream;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** A gRPC call whose response goes on; its goodbye is the status 14, which clients take for "try again elsewhere". */
public final class GrpcStream extends LongStream {
    private static final String TEXT = "the gateway is going away";

    /** How a call's messages and its status travel: gRPC's own way, or gRPC-Web's within the body. */
    public enum Form {
        NATIVE,
        WEB,
        /** The same in base64. */
        WEB_TEXT;

        public static Form of(String contentType) {
            return contentType.startsWith("application/grpc-web-text")
                    ? WEB_TEXT
                    : contentType.startsWith("application/grpc-web") ? WEB : NATIVE;
        }
    }

    private final Downstream client;
    private final Form form;
    private final GrpcFrames toClient = new GrpcFrames();
    private final GrpcFrames fromClient = new GrpcFrames();
    private final GrpcTextFrames textToClient = new GrpcTextFrames();
    private final GrpcTextFrames textFromClient = new GrpcTextFrames();

    public GrpcStream(Owner owner, Downstream client, Terms terms, Form form) {
        super(owner, terms);
        this.client = client;
        this.form = form;
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        if (form == Form.WEB_TEXT) {
            textFromClient.advance(data);
        } else {
            fromClient.advance(data);
        }
        toBackend(data, end);
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        if (form == Form.WEB_TEXT) {
            textToClient.advance(data);
        } else {
            toClient.advance(data);
        }
        owner.downstream().data(data, end);
        if (!end && draining()) {
            leaveIfPossible();
        }
    }

    @Override
    boolean asksToLeave() {
        return false;
    }

    @Override
    void goodbye(int code, String text) {
        leaveIfPossible();
    }

    @Override
    public void downstreamWritable() {
        if (draining()) {
            leaveIfPossible();
        }
    }

    /** A status stands in line behind what the client has not read: where that is much, it is cut in time instead. */
    private void leaveIfPossible() {
        boolean between = form == Form.WEB_TEXT ? textToClient.between() : toClient.between();
        if (finished() || !between || !owner.downstream().writable()) {
            return;
        }
        switch (form) {
            case NATIVE -> {
                HttpHeaders trailers = new DefaultHttpHeaders();
                trailers.set("grpc-status", "14").set("grpc-message", TEXT);
                abortBackend();
                client.trailers(trailers);
            }
            case WEB -> {
                abortBackend();
                owner.downstream().data(Unpooled.wrappedBuffer(statusInBody()), true);
            }
            case WEB_TEXT -> {
                abortBackend();
                byte[] text = Base64.getEncoder().encode(statusInBody());
                owner.downstream().data(Unpooled.wrappedBuffer(text), true);
            }
        }
        owner.downstream().flush();
        finish(reason());
    }

    /** Trailers as gRPC-Web has them: a frame whose flag is 80 (gRPC-Web, "Message framing"). */
    private static byte[] statusInBody() {
        byte[] trailers = ("grpc-status: 14\r\ngrpc-message: " + TEXT + "\r\n").getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(5 + trailers.length)
                .put((byte) 0x80)
                .putInt(trailers.length)
                .put(trailers)
                .array();
    }

    @Override
    public long messagesFromClient() {
        return fromClient.messages() + textFromClient.messages();
    }

    @Override
    public long messagesToClient() {
        return toClient.messages() + textToClient.messages();
    }
}
