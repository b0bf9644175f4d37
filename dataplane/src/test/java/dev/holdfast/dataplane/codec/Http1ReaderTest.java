package dev.holdfast.dataplane.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Messages are read alike however they are cut; and what is taken at all is read as Netty's decoder reads it, which many have
 * tried to fool, so that nothing is found in it that is not there.
 */
final class Http1ReaderTest {
    private static final List<String> HEADS =
            List.of("GET / HTTP/1.1", "POST /a?b=c HTTP/1.1", "PUT /%20 HTTP/1.0", "X-Y * HTTP/1.1");
    private static final List<String> ANSWERS = List.of(
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 ",
            "HTTP/1.1 404",
            "HTTP/1.0 304 Not",
            "HTTP/1.1 103 Early Hints",
            "HTTP/1.1 204 a b");
    private static final List<String> FIELDS = List.of(
            "Host: a",
            "Accept:*/*",
            "X-Long: " + "0123456789".repeat(30),
            "Empty:",
            "Connection: keep-alive",
            "Folded: a\r\n  b",
            "Tabbed:\ta\tb \t",
            "Latin: caf\u00e9");

    /** As one text: what was found in the octets, a line each. */
    private static final class Found {
        final StringBuilder text = new StringBuilder();
        private final StringBuilder body = new StringBuilder();
        boolean broken;

        void head(String line, List<Map.Entry<String, String>> fields) {
            text.append(line).append('\n');
            fields.forEach(f ->
                    text.append(f.getKey()).append('=').append(f.getValue()).append('\n'));
        }

        void data(ByteBuf data, boolean end) {
            body.append(data.toString(StandardCharsets.ISO_8859_1));
            data.release();
            if (end) {
                end(List.of());
            }
        }

        void end(List<Map.Entry<String, String>> trailers) {
            text.append("body ").append(body).append('\n');
            trailers.forEach(f -> text.append("trailer ").append(f).append('\n'));
            body.setLength(0);
        }

        String all() {
            return text + "left " + body;
        }
    }

    private static final class Taker implements RequestReader.Sink, ResponseReader.Sink {
        final Found found = new Found();
        private Http1Reader reader;

        @Override
        public void request(RequestReader.Line line, HttpHeaders fields, boolean end) {
            found.head(line.method() + " " + line.target() + " " + line.minorVersion(), fields.entries());
            if (end) {
                ended(List.of());
            }
        }

        @Override
        public void response(int status, HttpHeaders fields, boolean keepAlive, boolean end) {
            found.head(Integer.toString(status), fields.entries());
            if (end) {
                ended(List.of());
            }
        }

        private void ended(List<Map.Entry<String, String>> trailers) {
            found.end(trailers);
            reader.next();
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            found.data(data, end);
            if (end) {
                reader.next();
            }
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            ended(trailers.entries());
        }

        @Override
        public void malformed(boolean tooLarge) {
            found.broken = true;
        }
    }

    private static Found ours(boolean requests, byte[] octets, Random cuts) {
        Taker taker = new Taker();
        Http1Reader reader = requests ? new RequestReader(taker, 65_536) : new ResponseReader(taker, 65_536);
        taker.reader = reader;
        int at = 0;
        while (at < octets.length) {
            int size = cuts == null
                    ? octets.length
                    : Math.min(octets.length - at, 1 + cuts.nextInt(cuts.nextInt(4) == 0 ? 200 : 3));
            ByteBuf part = Unpooled.directBuffer().writeBytes(octets, at, size);
            reader.read(UnpooledByteBufAllocator.DEFAULT, part);
            at += size;
        }
        reader.closed();
        reader.drop();
        return taker.found;
    }

    private static Found nettys(boolean requests, byte[] octets) {
        EmbeddedChannel channel = new EmbeddedChannel(requests ? new HttpRequestDecoder() : new HttpResponseDecoder());
        channel.writeInbound(Unpooled.copiedBuffer(octets));
        channel.finish();
        Found found = new Found();
        for (HttpObject part = channel.readInbound(); part != null; part = channel.readInbound()) {
            if (part.decoderResult().isFailure()) {
                found.broken = true;
                io.netty.util.ReferenceCountUtil.release(part);
                continue;
            }
            if (part instanceof HttpRequest request) {
                found.head(
                        request.method() + " " + request.uri() + " "
                                + request.protocolVersion().minorVersion(),
                        request.headers().entries());
            } else if (part instanceof HttpResponse response) {
                found.head(
                        Integer.toString(response.status().code()),
                        response.headers().entries());
            }
            if (part instanceof LastHttpContent last && !last.trailingHeaders().isEmpty()) {
                last.release();
                found.end(last.trailingHeaders().entries());
            } else if (part instanceof HttpContent content) {
                found.data(content.content(), content instanceof LastHttpContent);
            }
        }
        return found;
    }

    private static String message(boolean requests, boolean extended, Random random) {
        List<String> heads = requests ? HEADS : ANSWERS;
        String head = heads.get(random.nextInt(heads.size()));
        StringBuilder out = new StringBuilder(head).append("\r\n");
        for (int i = random.nextInt(6); i > 0; i--) {
            out.append(FIELDS.get(random.nextInt(FIELDS.size()))).append("\r\n");
        }
        String body = "b".repeat(random.nextInt(40));
        boolean sized = head.contains("1.0") || random.nextBoolean();
        if (head.contains(" 103") || head.contains(" 204") || head.contains(" 304")) {
            return out.append("\r\n").toString();
        }
        if (sized) {
            return out.append("Content-Length: ")
                    .append(body.length())
                    .append("\r\n\r\n")
                    .append(body)
                    .toString();
        }
        out.append("Transfer-Encoding: chunked\r\n\r\n");
        for (int i = random.nextInt(4); i > 0; i--) {
            out.append(Integer.toHexString(body.length() + 1))
                    .append(extended && random.nextInt(3) == 0 ? ";a=b" : "")
                    .append("\r\n")
                    .append(body)
                    .append("c\r\n");
        }
        out.append("0\r\n");
        if (random.nextInt(3) == 0) {
            out.append("X-Trailer: t\r\nContent-Length: 4\r\n");
        }
        return out.append("\r\n").toString();
    }

    private static byte[] messages(boolean requests, boolean extended, Random random) {
        StringBuilder out = new StringBuilder();
        for (int i = random.nextInt(3); i >= 0; i--) {
            out.append(message(requests, extended, random));
        }
        return out.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    @Test
    void whatIsRightIsReadAlikeHoweverItIsCut() {
        for (int seed = 0; seed < 6_000; seed++) {
            Random random = new Random(seed);
            boolean requests = random.nextBoolean();
            byte[] octets = messages(requests, true, random);
            String expected = nettys(requests, octets).all();
            Found whole = ours(requests, octets, null);
            Found cut = ours(requests, octets, random);
            String of = new String(octets, StandardCharsets.ISO_8859_1);
            assertThat(whole.broken || cut.broken).as("seed %d: %s", seed, of).isFalse();
            assertThat(folded(whole.all())).as("seed %d: %s", seed, of).isEqualTo(folded(expected));
            assertThat(cut.all()).as("seed %d: %s", seed, of).isEqualTo(whole.all());
        }
    }

    /** With an octet or two replaced, taken out or put in; without chunks' extensions, whose inside is nothing to us. */
    @Test
    void whatIsWrongIsNeverReadAsSomethingElse() {
        String put = "\r\n \t:,0a\u0000\u00ff\u007fHTPchunked-";
        int taken = 0;
        for (int seed = 0; seed < 12_000; seed++) {
            Random random = new Random(seed);
            boolean requests = random.nextBoolean();
            StringBuilder octets =
                    new StringBuilder(new String(messages(requests, false, random), StandardCharsets.ISO_8859_1));
            for (int i = random.nextInt(3); i >= 0; i--) {
                int at = random.nextInt(octets.length());
                String with = String.valueOf(put.charAt(random.nextInt(put.length())));
                switch (random.nextInt(3)) {
                    case 0 -> octets.replace(at, at + 1, with);
                    case 1 -> octets.deleteCharAt(at);
                    default -> octets.insert(at, with);
                }
            }
            byte[] bytes = octets.toString().getBytes(StandardCharsets.ISO_8859_1);
            Found whole = ours(requests, bytes, null);
            Found cut = ours(requests, bytes, random);
            assertThat(cut.all()).as("seed %d: %s", seed, octets).isEqualTo(whole.all());
            assertThat(cut.broken).as("seed %d: %s", seed, octets).isEqualTo(whole.broken);
            if (!whole.broken) {
                taken++;
                assertThat(folded(whole.all()))
                        .as("seed %d: %s", seed, octets)
                        .isEqualTo(folded(nettys(requests, bytes).all()));
            }
        }
        assertThat(taken).isGreaterThan(2_000);
    }

    /** Netty joins folded lines by one space; we leave as many as there were octets, which means the same (RFC 9112 §5.2). */
    private static String folded(String text) {
        return text.replaceAll("[ \t]+", " ").replace(" \n", "\n").toLowerCase(Locale.ROOT);
    }

    @Test
    void aHeadInSmallPiecesIsBoundedToo() {
        Taker taker = new Taker();
        RequestReader reader = new RequestReader(taker, 1_000);
        taker.reader = reader;
        byte[] octets = ("GET / HTTP/1.1\r\nA: " + "a".repeat(2_000)).getBytes(StandardCharsets.ISO_8859_1);
        int read = 0;
        while (!taker.found.broken) {
            reader.read(UnpooledByteBufAllocator.DEFAULT, Unpooled.wrappedBuffer(new byte[] {octets[read++]}));
        }
        assertThat(read).isBetween(1_000, 1_100);
    }
}
