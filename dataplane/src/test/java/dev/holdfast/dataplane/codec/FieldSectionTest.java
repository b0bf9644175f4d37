package dev.holdfast.dataplane.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Fields as octets do what Netty's headers do, whatever is done to them, and go out as they came. */
final class FieldSectionTest {
    private static final List<String> NAMES = List.of(
            "Host", "host", "Accept", "ACCEPT", "x-a", "X-B", "x-a-longer-name", "TE", "Connection", "x", "y", "Z-Y");
    private static final List<String> VALUES = List.of("", "1", "a, b", "trailers", "keep-alive, X-B", "café", "a\tb");

    private static HttpHeaders headers(FieldSection of) {
        return of;
    }

    @Test
    void doesWhatNettysHeadersDo() {
        for (int seed = 0; seed < 3_000; seed++) {
            Random random = new Random(seed);
            HttpHeaders expected = new DefaultHttpHeaders();
            HttpHeaders actual = headers(new FieldSection());
            for (int step = 0; step < 24; step++) {
                String name = NAMES.get(random.nextInt(NAMES.size()));
                CharSequence asked = random.nextBoolean() ? name : AsciiString.of(name);
                String value = VALUES.get(random.nextInt(VALUES.size()));
                switch (random.nextInt(8)) {
                    case 0, 1, 2 -> {
                        expected.add(asked, value);
                        actual.add(asked, value);
                    }
                    case 3, 4 -> {
                        expected.set(asked, value);
                        actual.set(asked, value);
                    }
                    case 5 -> {
                        expected.set(name, List.of(value, "more"));
                        actual.set(name, List.of(value, "more"));
                    }
                    case 6 -> {
                        expected.setInt(asked, step);
                        actual.setInt(asked, step);
                    }
                    default -> {
                        expected.remove(asked);
                        actual.remove(asked);
                    }
                }
                assertThat(actual.entries()).as("seed %d", seed).isEqualTo(expected.entries());
                assertThat(actual.getAll(asked)).isEqualTo(expected.getAll(asked));
                assertThat(actual.get(asked)).isEqualTo(expected.get(asked));
                assertThat(actual.getInt(asked, -1)).isEqualTo(expected.getInt(asked, -1));
                assertThat(actual.contains(asked)).isEqualTo(expected.contains(asked));
                assertThat(actual.contains(asked, "A, B", true)).isEqualTo(expected.contains(asked, "A, B", true));
                assertThat(actual.containsValue(asked, "X-b", true))
                        .isEqualTo(expected.containsValue(asked, "X-b", true));
                assertThat(actual.size()).isEqualTo(expected.size());
                assertThat(actual.copy().entries()).isEqualTo(expected.entries());
            }
        }
    }

    /** What has been touched and what has not go out the same. */
    @Test
    void isWrittenAsItReads() {
        for (int seed = 0; seed < 1_000; seed++) {
            Random random = new Random(seed);
            StringBuilder came = new StringBuilder();
            for (int i = random.nextInt(9); i >= 0; i--) {
                came.append(NAMES.get(random.nextInt(NAMES.size())))
                        .append(random.nextBoolean() ? ": " : random.nextBoolean() ? ":" : ":\t ")
                        .append(VALUES.get(random.nextInt(VALUES.size())))
                        .append(random.nextInt(4) == 0 ? " \r\n" : "\r\n");
            }
            FieldSection fields = read(came.toString());
            for (int i = random.nextInt(4); i > 0; i--) {
                fields.remove(NAMES.get(random.nextInt(NAMES.size())));
                fields.add(NAMES.get(random.nextInt(NAMES.size())), "added");
            }
            StringBuilder expected = new StringBuilder("HTTP/1.1 200 OK\r\n");
            for (Map.Entry<String, String> field : fields.entries()) {
                expected.append(field.getKey())
                        .append(": ")
                        .append(field.getValue())
                        .append("\r\n");
            }
            ByteBuf out = HeadWriter.response(UnpooledByteBufAllocator.DEFAULT, 200, fields);
            assertThat(out.toString(StandardCharsets.ISO_8859_1)).isEqualTo(expected + "\r\n");
            out.release();
        }
    }

    private static FieldSection read(String lines) {
        FieldSection[] found = new FieldSection[1];
        RequestReader reader = new RequestReader(
                new RequestReader.Sink() {
                    @Override
                    public void request(RequestReader.Line line, HttpHeaders fields, boolean end) {
                        found[0] = (FieldSection) fields;
                    }

                    @Override
                    public void data(ByteBuf data, boolean end) {
                        data.release();
                    }

                    @Override
                    public void trailers(HttpHeaders trailers) {}

                    @Override
                    public void malformed(boolean tooLarge) {
                        throw new AssertionError(lines);
                    }
                },
                65_536);
        reader.read(
                UnpooledByteBufAllocator.DEFAULT,
                io.netty.buffer.Unpooled.copiedBuffer(
                        "GET / HTTP/1.1\r\n" + lines + "\r\n", StandardCharsets.ISO_8859_1));
        return found[0];
    }

    @Test
    void goesToHttp2InLowerCaseWithoutWhatIsOfOneConnection() {
        FieldSection fields = read("Accept: a\r\nX-Some: B\r\nConnection: close\r\nHost: h\r\nAccept-Language: de\r\n");
        Http2Headers to = HeaderForms.toHttp2(fields);
        assertThat(to)
                .isEqualTo(new DefaultHttp2Headers()
                        .add("accept", "a")
                        .add("x-some", "B")
                        .add("accept-language", "de"));
    }

    @Test
    void refusesWhatWouldEndALine() {
        FieldSection fields = new FieldSection();
        for (String value : List.of("a\r\nb: c", "a\nb", "a\u0000", " a", "\u007f")) {
            assertThatThrownBy(() -> fields.add("a", value)).isInstanceOf(IllegalArgumentException.class);
        }
        for (String name : List.of("", "a b", "a:", "a\r\n", "ä")) {
            assertThatThrownBy(() -> fields.add(name, "a")).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(fields.isEmpty()).isTrue();
    }

    /** A connection that names each of its fields. */
    @Test
    void manyAreTakenOffAtOnce() {
        FieldSection fields = new FieldSection();
        List<String> names = IntStream.range(0, 40).mapToObj(i -> "X-" + i).toList();
        names.forEach(name -> fields.add(name, "1"));
        fields.add("te", "trailers").add("stays", "1");
        HeaderForms.remove(fields, List.of(String.join(",", names).toLowerCase(java.util.Locale.ROOT), "TE"), "te");
        assertThat(fields.entries()).containsExactly(Map.entry("te", "trailers"), Map.entry("stays", "1"));
    }

    /** HPACK's table keeps names and values, and must not keep the head that they came in. */
    @Test
    void whatGoesToHttp2HoldsNothingElse() {
        FieldSection fields = read("Etag: \"1\"\r\nX-Own-Name: a\r\nx-low: b\r\nX-Long: " + "c".repeat(500) + "\r\n");
        HeaderForms.toHttp2(fields).forEach(field -> {
            assertThat(((AsciiString) field.getKey()).array())
                    .hasSize(field.getKey().length());
            assertThat(((AsciiString) field.getValue()).array())
                    .hasSize(field.getValue().length());
        });
    }

    @Test
    void trailersFrameNothing() {
        FieldSection trailers = new FieldSection();
        trailers.add("content-length", "5")
                .add("x", "y")
                .add("Transfer-Encoding", "chunked")
                .add("trailer", "x");
        ByteBuf out = HeadWriter.end(UnpooledByteBufAllocator.DEFAULT, trailers);
        assertThat(out.toString(StandardCharsets.ISO_8859_1)).isEqualTo("0\r\nx: y\r\n\r\n");
        out.release();
    }
}
