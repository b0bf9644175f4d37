package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import com.aayushatharva.brotli4j.decoder.BrotliInputStream;
import com.github.luben.zstd.ZstdInputStream;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.plan.TrafficFilter.Codec;
import dev.holdfast.plan.TrafficFilter.Condition;
import dev.holdfast.plan.TrafficFilter.Value;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The filters of a BackendTrafficPolicy and of a route's own, over sockets. */
final class TrafficFilterTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    private static final Route.HeaderMutation NO_HEADERS = new Route.HeaderMutation(List.of(), List.of(), List.of());

    private static TestGateway with(TestGateway.Script script, HttpFilter... filters) throws IOException {
        TestGateway gateway = new TestGateway(script);
        gateway.httpFilters = List.of(filters);
        return gateway.start();
    }

    // ---- local rate limit

    private static TrafficFilter.LimitRule rule(long requests, Condition... conditions) {
        return new TrafficFilter.LimitRule(List.of(conditions), requests, Duration.ofHours(1), 1, false, true);
    }

    private static TrafficFilter.LocalRateLimit limit(TrafficFilter.LimitRule... rules) {
        return new TrafficFilter.LocalRateLimit("d/app", List.of(rules));
    }

    @Test
    void refusesWhatIsMoreThanTheLimitAndSaysHowMuchIsLeft() throws IOException {
        try (TestGateway gateway = with(TestGateway.tells(), limit(rule(2)))) {
            assertThat(gateway.all(GET + "\r\n"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("x-ratelimit-limit: 2\r\n")
                    .contains("x-ratelimit-remaining: 1\r\n")
                    .contains("x-ratelimit-reset: ");
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all(GET + "\r\n"))
                    .startsWith("HTTP/1.1 429 ")
                    .contains("x-holdfast-reason: rate_limited\r\n")
                    .contains("retry-after: 1")
                    .contains("x-ratelimit-remaining: 0\r\n");
            assertThat(gateway.heads).hasSize(2);
        }
    }

    @Test
    void aReloadThatLeavesTheLimitAsItIsKeepsWhatWasSpent() throws IOException {
        try (TestGateway gateway = with(TestGateway.tells(), limit(rule(1)))) {
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 200 ");
            gateway.requestTimeout = Duration.ofSeconds(9);
            gateway.start();
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 429 ");
        }
    }

    @Test
    void aRuleHoldsForWhatItSelectsAndTheOneWithoutConditionsForTheRest() throws IOException {
        Condition free = new Condition.Header("x-plan", new Value.Exact("free"), false);
        try (TestGateway gateway = with(TestGateway.tells(), limit(rule(1, free), rule(3)))) {
            assertThat(gateway.all(GET + "x-plan: free\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all(GET + "x-plan: free\r\n\r\n")).startsWith("HTTP/1.1 429 ");
            for (int i = 0; i < 3; i++) {
                assertThat(gateway.all(GET + "x-plan: paid\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(gateway.all(GET + "x-plan: paid\r\n\r\n")).startsWith("HTTP/1.1 429 ");
        }
    }

    @Test
    void distinctValuesHaveBucketsOfTheirOwn() throws IOException {
        Condition user = new Condition.Header("x-user", new Value.Distinct(), false);
        try (TestGateway gateway = with(TestGateway.tells(), limit(rule(1, user)))) {
            assertThat(gateway.all(GET + "x-user: ada\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all(GET + "x-user: bob\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all(GET + "x-user: ada\r\n\r\n")).startsWith("HTTP/1.1 429 ");
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 200 ").doesNotContain("x-ratelimit");
        }
    }

    @Test
    void conditionsOfAllKindsMustHoldTogether() throws IOException {
        Condition[] all = {
            new Condition.Path(new Route.PathMatch.Prefix("/a"), false),
            new Condition.Methods(Set.of(), Set.of("POST")),
            new Condition.SourceCidr("127.0.0.0/8", false, false),
            new Condition.QueryParam("q", new Value.Regex("[0-9]+"), false),
            new Condition.Header("x-skip", new Value.Exact("yes"), true)
        };
        try (TestGateway gateway = with(TestGateway.tells(), limit(rule(0, all)))) {
            String end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            assertThat(gateway.all("GET /a/b?q=12" + end + "\r\n")).startsWith("HTTP/1.1 429 ");
            assertThat(gateway.all("GET /ab?q=12" + end + "\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all("GET /a/b?q=x" + end + "\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all("GET /a/b?q=12" + end + "x-skip: yes\r\n\r\n"))
                    .startsWith("HTTP/1.1 200 ");
            assertThat(gateway.all("POST /a/b?q=12" + end + "Content-Length: 0\r\n\r\n"))
                    .startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aShadowRuleRefusesNothing() throws IOException {
        TrafficFilter.LimitRule shadow =
                new TrafficFilter.LimitRule(List.of(), 0, Duration.ofSeconds(1), 1, true, false);
        try (TestGateway gateway = with(TestGateway.tells(), limit(shadow))) {
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 200 ").doesNotContain("x-ratelimit");
        }
    }

    // ---- buffer

    @Test
    void aRequestGoesOnOnlyOnceItIsWhole() throws Exception {
        TestGateway.Script echo = (head, in, out) -> TestGateway.write(
                out,
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                        + new String(in.readNBytes(5), StandardCharsets.US_ASCII));
        try (TestGateway gateway = with(echo, new TrafficFilter.RequestBuffer(5));
                Socket client = gateway.client("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")) {
            Thread.sleep(200);
            assertThat(gateway.heads).isEmpty();
            client.getOutputStream().write("lo".getBytes(StandardCharsets.US_ASCII));
            assertThat(TestGateway.until(client, "hello")).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aRequestLongerThanTheBufferIsRefused() throws IOException {
        try (TestGateway gateway = with(TestGateway.tells(), new TrafficFilter.RequestBuffer(4))) {
            String announced = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
            assertThat(gateway.all(announced))
                    .startsWith("HTTP/1.1 413 ")
                    .contains("x-holdfast-reason: request_too_large");
            String chunked = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "5\r\nhello\r\n0\r\n\r\n";
            assertThat(gateway.all(chunked)).startsWith("HTTP/1.1 413 ");
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void aHandshakePassesTheBuffer() throws IOException {
        try (TestGateway gateway = with(TestGateway.tells(), new TrafficFilter.RequestBuffer(4));
                Socket client = gateway.client(TestGateway.HANDSHAKE)) {
            assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
        }
    }

    // ---- credentials

    @Test
    void addsItsCredentialForTheBackend() throws IOException {
        SecretText secret = new SecretText("Bearer x");
        try (TestGateway gateway =
                with(TestGateway.tells(), new TrafficFilter.CredentialInjection("authorization", secret, false))) {
            gateway.all(GET + "\r\n");
            gateway.all(GET + "Authorization: mine\r\n\r\n");
            assertThat(gateway.heads.get(0)).containsIgnoringCase("authorization: Bearer x\r\n");
            assertThat(gateway.heads.get(1))
                    .containsIgnoringCase("authorization: mine\r\n")
                    .doesNotContain("Bearer");
        }
    }

    // ---- response override

    private static TrafficFilter.ResponseOverride override(boolean local, TrafficFilter.Replacement replacement) {
        return new TrafficFilter.ResponseOverride(List.of(new TrafficFilter.OverrideRule(
                List.of(new TrafficFilter.StatusRange(500, 599)), List.of(), local, !local, replacement)));
    }

    private static final TrafficFilter.Replacement SORRY =
            new TrafficFilter.Replacement.Answer(200, "application/json", "{\"sorry\":1}", NO_HEADERS);

    @Test
    void answersSomethingElseForABackendsFailure() throws IOException {
        TestGateway.Script fails = TestGateway.says("HTTP/1.1 502 No\r\nContent-Length: 4\r\nx-own: 1\r\n\r\noops");
        try (TestGateway gateway = with(fails, override(false, SORRY))) {
            assertThat(gateway.all(GET + "\r\n"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("content-type: application/json\r\n")
                    .doesNotContain("x-own")
                    .endsWith("{\"sorry\":1}");
        }
        try (TestGateway gateway = with(fails, override(true, SORRY))) {
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 502 ").endsWith("oops");
        }
    }

    @Test
    void answersSomethingElseForAFailureOfItsOwn() throws IOException {
        HttpFilter fault = new HttpFilter.Fault(Duration.ZERO, 100, 503, -1, 100);
        Route.Action.Redirect elsewhere =
                new Route.Action.Redirect("https", "status.test", 0, new Route.PathRewrite.ReplaceFull("/down"), 302);
        try (TestGateway gateway =
                with(TestGateway.tells(), override(true, new TrafficFilter.Replacement.Redirect(elsewhere)), fault)) {
            assertThat(gateway.all(GET + "\r\n"))
                    .startsWith("HTTP/1.1 302 ")
                    .contains("location: https://status.test/down\r\n");
        }
    }

    @Test
    void anAnswerWithAnotherHeaderIsLeftAlone() throws IOException {
        TrafficFilter.ResponseOverride rule = new TrafficFilter.ResponseOverride(List.of(new TrafficFilter.OverrideRule(
                List.of(), List.of(new TrafficFilter.HeaderIs("x-kind", new Value.Prefix("err"))), true, true, SORRY)));
        TestGateway.Script tells = (head, in, out) -> TestGateway.write(
                out, "HTTP/1.1 200 OK\r\nx-kind:" + head.split(" ")[1].substring(1) + "\r\nContent-Length: 0\r\n\r\n");
        try (TestGateway gateway = with(tells, rule)) {
            assertThat(gateway.all("GET /error HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .endsWith("{\"sorry\":1}");
            assertThat(gateway.all("GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .contains("x-kind: fine");
        }
    }

    // ---- bandwidth

    @Test
    void anAnswerTakesAsLongAsItsBandwidthSays() throws IOException {
        String body = "x".repeat(40_000);
        TestGateway.Script big = TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + body);
        try (TestGateway gateway = with(big, new TrafficFilter.Bandwidth("d/app", 0, 100_000))) {
            long start = System.nanoTime();
            assertThat(gateway.all(GET + "\r\n")).endsWith(body);
            assertThat(System.nanoTime() - start)
                    .isGreaterThan(Duration.ofMillis(300).toNanos());
        }
    }

    @Test
    void aRequestTakesAsLongAsItsBandwidthSays() throws IOException {
        TestGateway.Script counts = (head, in, out) ->
                TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + in.readNBytes(40_000).length);
        try (TestGateway gateway = with(counts, new TrafficFilter.Bandwidth("d/app", 100_000, 0))) {
            long start = System.nanoTime();
            String request = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 40000\r\n\r\n";
            assertThat(gateway.all(request + "x".repeat(40_000))).endsWith("40000");
            assertThat(System.nanoTime() - start)
                    .isGreaterThan(Duration.ofMillis(300).toNanos());
        }
    }

    @Test
    void trailersTellHowLongALimitedBodyTook() throws IOException {
        TestGateway.Script big =
                TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + "x".repeat(30_000));
        TrafficFilter.Bandwidth told = new TrafficFilter.Bandwidth("d/app", 0, 100_000, Optional.of("x-app"));
        try (TestGateway gateway = with(big, told);
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, Http2Client.get("/a"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            Http2Client.Frame trailers = client.next(Http2Client.HEADERS, stream);
            assertThat(trailers.ends()).isTrue();
            assertThat(Objects.requireNonNull(trailers.headers()).getLong("x-app-bandwidth-response-delay-ms", 0))
                    .isPositive();
            assertThat(trailers.headers().getLong("x-app-bandwidth-response-filter-delay-ms", 0))
                    .isPositive();
            assertThat(trailers.headers()).hasSize(2);
        }
    }

    @Test
    void anAnswerByHttp11HasNoTrailersThatTellOfItsBandwidth() throws IOException {
        String body = "x".repeat(20_000);
        TestGateway.Script big = TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + body);
        TrafficFilter.Bandwidth told = new TrafficFilter.Bandwidth("d/app", 0, 100_000, Optional.of("x-app"));
        try (TestGateway gateway = with(big, told)) {
            assertThat(gateway.all(GET + "\r\n")).endsWith(body).doesNotContain("bandwidth");
        }
    }

    @Test
    void aClientThatLeavesASlowAnswerLosesNoBuffer() throws IOException {
        TestGateway.Script big =
                TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + "x".repeat(400_000));
        try (TestGateway gateway = with(big, new TrafficFilter.Bandwidth("d/app", 0, 10_000));
                Socket client = gateway.client("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(client.getInputStream().readNBytes(100)).hasSize(100);
        }
    }

    // ---- compression

    private static TrafficFilter.Compression compression() {
        return new TrafficFilter.Compression(Arrays.stream(Codec.values())
                .map(c -> new TrafficFilter.Encoding(c, 100))
                .toList());
    }

    private static TestGateway.Script text(int length, String more) {
        return TestGateway.says("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n" + more
                + "Content-Length: " + length + "\r\n\r\n" + "a".repeat(length));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void compressesForAClientThatAsks(Codec codec) throws IOException {
        String token = switch (codec) {
            case GZIP -> "gzip";
            case BROTLI -> "br";
            case ZSTD -> "zstd";
        };
        try (TestGateway gateway = with(text(50_000, "ETag: \"1\"\r\n"), compression())) {
            String answer = gateway.all("GET /a HTTP/1.0\r\nHost: a\r\nAccept-Encoding: " + token + "\r\n\r\n");
            assertThat(answer)
                    .contains("content-encoding: " + token + "\r\n")
                    .containsIgnoringCase("etag: W/\"1\"\r\n")
                    .contains("vary: Accept-Encoding\r\n");
            byte[] body = body(answer);
            assertThat(body).hasSizeLessThan(1000);
            assertThat(decoder(codec, body).readAllBytes()).hasSize(50_000).containsOnly('a');
        }
    }

    private static InputStream decoder(Codec codec, byte[] body) throws IOException {
        InputStream in = new ByteArrayInputStream(body);
        return switch (codec) {
            case GZIP -> new GZIPInputStream(in);
            case BROTLI -> new BrotliInputStream(in);
            case ZSTD -> new ZstdInputStream(in);
        };
    }

    /** What follows the head, out of its chunks where there are any. */
    private static byte[] body(String answer) {
        String rest = answer.substring(answer.indexOf("\r\n\r\n") + 4);
        if (!answer.toLowerCase(java.util.Locale.ROOT).contains("transfer-encoding: chunked")) {
            return rest.getBytes(StandardCharsets.ISO_8859_1);
        }
        StringBuilder out = new StringBuilder();
        while (true) {
            int line = rest.indexOf("\r\n");
            int size = Integer.parseInt(rest.substring(0, line), 16);
            if (size == 0) {
                return out.toString().getBytes(StandardCharsets.ISO_8859_1);
            }
            out.append(rest, line + 2, line + 2 + size);
            rest = rest.substring(line + 4 + size);
        }
    }

    @Test
    void leavesAloneWhatNeedNotOrMayNotBeCompressed() throws IOException {
        String asks = GET + "Accept-Encoding: gzip, br\r\n\r\n";
        try (TestGateway gateway = with(text(50, ""), compression())) {
            assertThat(gateway.all(asks)).doesNotContain("content-encoding");
        }
        try (TestGateway gateway = with(text(500, "Cache-Control: no-transform\r\n"), compression())) {
            assertThat(gateway.all(asks)).doesNotContain("content-encoding");
        }
        try (TestGateway gateway = with(text(500, "Content-Encoding: own\r\n"), compression())) {
            assertThat(gateway.all(asks))
                    .containsIgnoringCase("content-encoding: own")
                    .endsWith("aaa");
        }
        try (TestGateway gateway = with(text(500, ""), compression())) {
            assertThat(gateway.all(GET + "Accept-Encoding: gzip;q=0, identity\r\n\r\n"))
                    .doesNotContain("content-encoding")
                    .endsWith("aaa");
            assertThat(gateway.all("HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"))
                    .containsIgnoringCase("content-length: 500");
        }
    }

    @Test
    void eventsAreNeverCompressed() throws IOException {
        TestGateway.Script events = (head, in, out) -> {
            TestGateway.write(
                    out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n");
            in.read();
        };
        try (TestGateway gateway = with(events, compression());
                Socket client = gateway.client("GET /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")) {
            assertThat(TestGateway.until(client, "data: 1\n\n")).doesNotContain("content-encoding");
        }
    }

    @Test
    void aPauseOfTheBackendsLetsOutWhatHasCome() throws Exception {
        TestGateway.Script pauses = (head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
            in.read();
        };
        try (TestGateway gateway = with(pauses, compression());
                Socket client = gateway.client("GET /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")) {
            TestGateway.until(client, "\r\n\r\n");
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            // gzip's own head of ten octets may come by itself.
            while (body.size() <= 10) {
                int size = Integer.parseInt(TestGateway.until(client, "\r\n").strip(), 16);
                body.writeBytes(client.getInputStream().readNBytes(size));
                TestGateway.until(client, "\r\n");
            }
            assertThat(new GZIPInputStream(new ByteArrayInputStream(body.toByteArray())).readNBytes(5))
                    .isEqualTo("hello".getBytes(StandardCharsets.US_ASCII));
        }
    }

    // ---- admission control

    @Test
    void refusesAShareWhileRequestsFail() throws IOException {
        TrafficFilter.AdmissionControl control =
                new TrafficFilter.AdmissionControl("d/app", Duration.ofMinutes(5), 95, 1, 0, 100, Set.of(), Set.of());
        TestGateway.Script fails = TestGateway.says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        try (TestGateway gateway = with(fails, control)) {
            int refused = 0;
            for (int i = 0; i < 60; i++) {
                refused += gateway.all(GET + "\r\n").contains("not_admitted") ? 1 : 0;
            }
            assertThat(refused).isGreaterThan(20);
        }
    }
}
