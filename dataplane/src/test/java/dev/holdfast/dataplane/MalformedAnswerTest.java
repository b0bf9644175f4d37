package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.holdfast.plan.Cluster;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a client is told where a backend answers by HTTP/2 in a way that RFC 9113 §8.1 and §8.3 call malformed. */
final class MalformedAnswerTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    private static final String POST =
            "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int GOAWAY = 7;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;

    static Stream<Arguments> answers() {
        return Stream.of(
                arguments("an interim answer that ends the stream", head(true, ":status", "103")),
                arguments("a 100 that ends the stream", head(true, ":status", "100")),
                arguments("a 101, which HTTP/2 does not have", head(false, ":status", "101")),
                arguments("a 101 that ends the stream", head(true, ":status", "101")),
                arguments("no status, and the stream's end", head(true, "a", "b")),
                arguments("no status", head(false, "a", "b")),
                arguments("no header at all", frame(HEADERS, END_HEADERS | END_STREAM, 1)),
                arguments("a status of letters", head(true, ":status", "abc")),
                arguments("a negative status", head(true, ":status", "-20")),
                arguments("a status of one digit", head(true, ":status", "9")),
                arguments("a status of two digits", head(false, ":status", "42")),
                arguments("a status of four digits", head(true, ":status", "2000")),
                arguments("a status below 100", head(true, ":status", "007")),
                arguments("an empty status", head(true, ":status", "")),
                arguments("data without a head", frame(DATA, 0, 1, (byte) 'x')),
                arguments("data without a head that ends the stream", frame(DATA, END_STREAM, 1, (byte) 'x')),
                arguments("no data without a head that ends the stream", frame(DATA, END_STREAM, 1)),
                arguments(
                        "data behind an interim answer",
                        join(head(false, ":status", "103"), frame(DATA, END_STREAM, 1, (byte) 'x'))),
                arguments("no body where a length is said", head(true, ":status", "200", "content-length", "5")),
                arguments("a request's pseudo-header", head(true, ":status", "200", ":path", "/")),
                arguments("two statuses", head(true, ":status", "200", ":status", "200")),
                arguments("a pseudo-header after others", head(true, "a", "b", ":status", "200")),
                arguments("a name in capitals", head(true, ":status", "200", "A", "b")),
                arguments("a field of one connection", head(true, ":status", "200", "connection", "close")),
                arguments("a value with a line's end", head(true, ":status", "200", "a", "b\r\nc: d")),
                arguments("a name with a space", head(true, ":status", "200", "a b", "c")),
                arguments("a header block that is none", frame(HEADERS, END_HEADERS | END_STREAM, 1, (byte) 0xff)),
                arguments("a frame of a stream that was never opened", frame(HEADERS, END_HEADERS | END_STREAM, 99)),
                arguments("goodbye", frame(GOAWAY, 0, 0, new byte[8])));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("answers")
    void isABadGatewayAtOnce(String what, byte[] answer) throws Exception {
        try (ServerSocket server = backend(answer);
                TestGateway gateway = gateway(server)) {
            for (String request : new String[] {GET, POST}) {
                assertThat(gateway.all(request))
                        .as("%s to %s", what, request)
                        .containsPattern("(^|\r\n\r\n)HTTP/1.1 502 ")
                        .doesNotContain("HTTP/1.1 200");
            }
        }
    }

    private static TestGateway gateway(ServerSocket server) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.protocol = Cluster.Protocol.HTTP2;
        gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", server.getLocalPort()));
        return gateway.start();
    }

    /** Says {@code answer} to the first request of each connection, and reads on. */
    private static ServerSocket backend(byte[] answer) throws IOException {
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try {
                    Socket socket = server.accept();
                    Thread.ofVirtual().start(() -> converse(socket, answer));
                } catch (IOException closed) {
                    return;
                }
            }
        });
        return server;
    }

    private static void converse(Socket socket, byte[] answer) {
        try (socket;
                DataInputStream in = new DataInputStream(socket.getInputStream());
                OutputStream out = socket.getOutputStream()) {
            in.skipNBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length());
            out.write(frame(SETTINGS, 0, 0));
            boolean said = false;
            while (true) {
                int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
                int type = in.readUnsignedByte();
                in.skipNBytes(1);
                int stream = in.readInt();
                in.skipNBytes(length);
                if (type == HEADERS && !said) {
                    said = true;
                    out.write(of(stream, answer));
                    out.flush();
                }
            }
        } catch (IOException ended) {
            // The gateway has ended the connection, as it may.
        }
    }

    /** The frames with the stream's number in place of 1. */
    private static byte[] of(int stream, byte[] frames) {
        ByteBuf out = Unpooled.copiedBuffer(frames);
        for (int at = 0; at < frames.length; at += 9 + out.getMedium(at)) {
            if (out.getInt(at + 5) == 1) {
                out.setInt(at + 5, stream);
            }
        }
        return ByteBufUtil.getBytes(out);
    }

    /** Literal fields without indexing (RFC 7541 §6.2.2), as they are given. */
    private static byte[] head(boolean end, String... namesAndValues) {
        return frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), 1, Http2Client.block(namesAndValues));
    }

    private static byte[] frame(int type, int flags, int stream, byte... payload) {
        ByteBuf out = Unpooled.buffer();
        out.writeMedium(payload.length).writeByte(type).writeByte(flags).writeInt(stream);
        out.writeBytes(payload);
        return ByteBufUtil.getBytes(out);
    }

    private static byte[] join(byte[]... frames) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] frame : frames) {
            all.writeBytes(frame);
        }
        return all.toByteArray();
    }
}
