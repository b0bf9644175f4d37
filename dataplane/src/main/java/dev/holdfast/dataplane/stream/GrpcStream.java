package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.Downstream;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;

/** A gRPC call whose response goes on; its goodbye is the status 14, which clients take for "try again elsewhere". */
public final class GrpcStream extends LongStream {
    private static final String TEXT = "the gateway is going away";

    /** How a call's messages and its status travel: gRPC's own way, or gRPC-Web's within the body. */
    public enum Form {
        NATIVE,
        WEB,
        /** In base64, of which nothing is read. */
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

    public GrpcStream(Owner owner, Downstream client, Terms terms, Form form) {
        super(owner, terms);
        this.client = client;
        this.form = form;
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        if (form != Form.WEB_TEXT) {
            fromClient.advance(data);
        }
        toBackend(data, end);
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        if (form != Form.WEB_TEXT) {
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
        if (finished() || !toClient.between() || !owner.downstream().writable()) {
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
                byte[] trailers =
                        ("grpc-status: 14\r\ngrpc-message: " + TEXT + "\r\n").getBytes(StandardCharsets.US_ASCII);
                ByteBuf frame = Unpooled.buffer(5 + trailers.length);
                frame.writeByte(0x80).writeInt(trailers.length).writeBytes(trailers);
                abortBackend();
                owner.downstream().data(frame, true);
            }
            case WEB_TEXT -> {
                return;
            }
        }
        owner.downstream().flush();
        finish(reason());
    }

    @Override
    public long messagesFromClient() {
        return fromClient.messages();
    }

    @Override
    public long messagesToClient() {
        return toClient.messages();
    }
}
