package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Headers;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The frames of answers by HTTP/2, one by one (RFC 9113 §4 and §5). */
final class OutgoingFramesTest {
    private static final int WINDOW = 65_535;
    private static final int LARGEST_FRAME = 16_384;

    private static TestGateway answering(String answer) throws IOException {
        return new TestGateway(TestGateway.says(answer)).start();
    }

    @Test
    void aHeadThatIsLongerThanAFrameGoesOnInContinuations() throws Exception {
        String text = "x".repeat(40_000);
        try (TestGateway gateway = answering("HTTP/1.1 200 OK\r\nX-Long: " + text + "\r\nContent-Length: 2\r\n\r\nhi");
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, Http2Client.get("/"));
            ByteArrayOutputStream block = new ByteArrayOutputStream();
            Http2Client.Frame frame = client.next(Http2Client.HEADERS);
            assertThat(frame.ends()).isFalse();
            while (true) {
                assertThat(frame.payload()).hasSizeLessThanOrEqualTo(LARGEST_FRAME);
                block.writeBytes(frame.payload());
                if ((frame.flags() & Http2Client.END_HEADERS) != 0) {
                    break;
                }
                frame = client.read();
                assertThat(frame.type()).isEqualTo(Http2Client.CONTINUATION);
                assertThat(frame.stream()).isEqualTo(stream);
            }
            Http2Headers head = new DefaultHttp2HeadersDecoder(false, 100_000)
                    .decodeHeaders(stream, Unpooled.wrappedBuffer(block.toByteArray()));
            assertThat(head.status()).asString().isEqualTo("200");
            assertThat(head.get("x-long")).asString().isEqualTo(text);
            assertThat(client.next(Http2Client.DATA).text()).isEqualTo("hi");
        }
    }

    @Test
    void answersOfOneTurnComeWholeEachOnItsStream() throws Exception {
        try (TestGateway gateway = new TestGateway(TestGateway.tells()).start();
                Http2Client client = new Http2Client(gateway.port())) {
            Map<Integer, String> wanted = new HashMap<>();
            for (int i = 0; i < 60; i++) {
                wanted.put(client.begin(true, Http2Client.get("/" + i)), "/" + i);
            }
            Map<Integer, String> got = new HashMap<>();
            for (int ended = 0; ended < wanted.size(); ) {
                Http2Client.Frame frame = client.read();
                if (frame.type() == Http2Client.HEADERS) {
                    assertThat(frame.status()).isEqualTo("200");
                    assertThat(got.put(frame.stream(), "")).isNull();
                } else if (frame.type() == Http2Client.DATA) {
                    got.merge(frame.stream(), frame.text(), String::concat);
                    ended += frame.ends() ? 1 : 0;
                }
            }
            assertThat(got).isEqualTo(wanted);
        }
    }

    @Test
    void trailersWaitForDataThatWaitsForItsWindow() throws Exception {
        String body =
                IntStream.range(0, 20_000).mapToObj(i -> "%05d".formatted(i)).collect(Collectors.joining());
        try (TestGateway gateway = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + Integer.toHexString(body.length()) + "\r\n" + body + "\r\n0\r\nX-After: all\r\n\r\n");
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, Http2Client.get("/"));
            String first = new String(client.data(stream, WINDOW), StandardCharsets.US_ASCII);
            client.ping();
            client.window(0, body.length());
            client.window(stream, body.length());
            String rest = new String(client.data(stream, body.length() - WINDOW), StandardCharsets.US_ASCII);
            assertThat(first + rest).isEqualTo(body);
            Http2Client.Frame trailers = client.next(Http2Client.HEADERS);
            assertThat(trailers.ends()).isTrue();
            assertThat(trailers.headers().get("x-after")).asString().isEqualTo("all");
        }
    }

    /** RFC 9113 §8.1: the rest of the request is not wanted, and that is no error. */
    @Test
    void aRequestThatIsAnsweredBeforeItHasEndedIsCutWithoutAnError() throws Exception {
        for (String answer : new String[] {"204 No Content\r\n\r\n", "200 OK\r\nContent-Length: 2\r\n\r\nhi"}) {
            try (TestGateway gateway = answering("HTTP/1.1 " + answer);
                    Http2Client client = new Http2Client(gateway.port())) {
                int stream = client.begin(false, Http2Client.post("/", "content-length", "9"));
                assertThat(client.next(Http2Client.HEADERS).status()).isEqualTo(answer.substring(0, 3));
                assertThat(client.next(Http2Client.RST_STREAM, stream).number(0))
                        .isZero();
                client.ping();
            }
        }
    }
}
