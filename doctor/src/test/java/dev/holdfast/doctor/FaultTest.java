package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.options;
import static dev.holdfast.doctor.Peers.reading;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Progress;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.report.JsonReport;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import dev.holdfast.doctor.wire.Header;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each faulty peer gets its finding and no other. */
class FaultTest {
    private static final String WS = "ws://" + HOST + "/ws";
    private static final String WSS = "wss://" + HOST + "/ws";

    private static List<Code> diagnosed(String url, RawPeer.Behaviour behaviour) throws Exception {
        try (RawPeer peer = new RawPeer(behaviour)) {
            return codes(examine(url, peer.port()));
        }
    }

    private static List<Code> diagnosed(NettyPeer peer) throws Exception {
        try (peer) {
            return codes(examine(WSS, peer.start().port()));
        }
    }

    private static NettyPeer tls() {
        return new NettyPeer(AUTHORITY.certificate(HOST));
    }

    @Test
    void upgradeIgnored() throws Exception {
        assertThat(diagnosed(WS, call -> call.page("hello"))).containsExactly(Code.UPGRADE_IGNORED);
    }

    @Test
    void upgradeStrippedOnTheWayToABackendThatDemandsIt() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/ws", call -> call.answer(426, "text/plain", "Upgrade Required")))
                .containsExactly(Code.UPGRADE_IGNORED);
    }

    @Test
    void upgradeRefusedByEnvoy() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.answer(403, "text/plain", "", "server: envoy");
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_NOT_ALLOWED);
    }

    @Test
    void upgradeRefusedByABackendOfEnvoy() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.answer(403, "text/plain", "", "server: envoy", "x-envoy-upstream-service-time: 3");
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_FORBIDDEN);
    }

    @Test
    void upgradeRedirected() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.answer(301, "text/plain", "", "Location: https://" + HOST + "/ws");
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_REDIRECTED);
    }

    @Test
    void upgradeAnsweredWithTheWrongAccept() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.raw("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
                        call.echo();
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_WRONG_ACCEPT);
    }

    @Test
    void handshakeNeverAnswered() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.in.read();
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_NO_ANSWER);
    }

    @Test
    void closedWith1008() throws Exception {
        try (RawPeer peer = new RawPeer(closing(1008, "token missing"))) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).containsExactly(Code.CLOSED_1008);
            assertThat(reading(report, "upgrade").line()).contains("Close 1008 \"token missing\"");
        }
    }

    @Test
    void closedWith1009And1011And1013() throws Exception {
        assertThat(diagnosed(WS, closing(1009, ""))).containsExactly(Code.CLOSED_1009);
        assertThat(diagnosed(WS, closing(1011, "oops"))).containsExactly(Code.CLOSED_1011);
        assertThat(diagnosed(WS, closing(1013, "later"))).containsExactly(Code.CLOSED_AT_ONCE);
    }

    private static RawPeer.Behaviour closing(int code, String text) {
        return call -> {
            if (call.isUpgrade()) {
                call.accept();
                call.close(code, text);
            } else {
                call.page("hello");
            }
        };
    }

    @Test
    void cutRightAfterTheHandshake() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.accept();
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.CUT_AT_ONCE);
    }

    @Test
    void garbageAfterTheHandshake() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.accept();
                        call.raw("<html>welcome to something else</html>");
                        call.in.read();
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.GARBAGE_AFTER_101);
    }

    @Test
    void ownOriginRefused() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade() && call.headers.containsKey("Origin")) {
                        call.answer(403, "text/plain", "origin does not match");
                    } else {
                        RawPeer.healthy(call);
                    }
                }))
                .containsExactly(Code.ORIGIN_REFUSED);
    }

    @Test
    void foreignOriginAccepted() throws Exception {
        assertThat(diagnosed(tls().anyOrigin())).containsExactly(Code.ORIGIN_NOT_CHECKED);
    }

    @Test
    void neverAnswers() throws Exception {
        try (RawPeer peer = new RawPeer(call -> call.in.read())) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).containsExactly(Code.NO_ANSWER);
            // Asked again and again, it would be waited for again and again.
            assertThat(report.connections()).isLessThanOrEqualTo(4);
        }
    }

    @Test
    void pagesHangWhileWebSocketsWork() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/api", call -> {
                    if (call.isUpgrade()) {
                        RawPeer.healthy(call);
                    } else {
                        call.in.read();
                    }
                }))
                .containsExactly(Code.PAGE_NO_ANSWER);
    }

    @Test
    void cutsTheConnection() throws Exception {
        assertThat(diagnosed(WS, call -> call.socket.close())).containsExactly(Code.CONNECTION_CUT);
    }

    @Test
    void garbage() throws Exception {
        assertThat(diagnosed(WS, call -> call.raw("SSH-2.0-OpenSSH_9.9\r\n"))).containsExactly(Code.NOT_HTTP);
    }

    @Test
    void binaryGarbageWithoutEnd() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    call.raw("\1\2\3\4\5\6\7".repeat(20_000));
                    call.in.read();
                }))
                .containsExactly(Code.NOT_HTTP);
    }

    @Test
    void garbageOnATlsPort() throws Exception {
        try (ServerSocket listening = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
            Thread.ofVirtual().start(() -> babble(listening));
            assertThat(codes(examine(WSS, listening.getLocalPort()))).containsExactly(Code.TLS_FAILED);
        }
    }

    private static void babble(ServerSocket listening) {
        try {
            while (true) {
                try (Socket socket = listening.accept()) {
                    socket.getOutputStream().write("220 mail.example ESMTP\r\n".getBytes(StandardCharsets.US_ASCII));
                    socket.getInputStream().read();
                }
            }
        } catch (java.io.IOException closed) {
            return;
        }
    }

    @Test
    void plainHttpOnATlsPort() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.line.contains("HTTP/1.1")) {
                RawPeer.healthy(call);
            } else {
                call.raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            }
        })) {
            Report report = examine(WSS, peer.port());
            assertThat(codes(report)).containsExactly(Code.PLAIN_HTTP_ON_TLS_PORT);
            assertThat(new TextReport(false, false).render(report)).contains("Use the URL ws://" + HOST);
        }
    }

    @Test
    void tlsOnAPlainPort() throws Exception {
        try (NettyPeer peer = tls().start()) {
            assertThat(codes(examine("http://" + HOST + "/", peer.port()))).containsExactly(Code.TLS_ON_PLAIN_PORT);
        }
    }

    @Test
    void expiredCertificate() throws Exception {
        Instant now = Instant.now();
        assertThat(diagnosed(new NettyPeer(
                        AUTHORITY.certificate(now.minus(Duration.ofDays(90)), now.minus(Duration.ofDays(1)), HOST))))
                .containsExactly(Code.CERTIFICATE_EXPIRED);
    }

    @Test
    void certificateForAnotherName() throws Exception {
        assertThat(diagnosed(new NettyPeer(AUTHORITY.certificate("other.test"))))
                .containsExactly(Code.CERTIFICATE_WRONG_NAME);
    }

    @Test
    void certificateOfAStranger() throws Exception {
        NettyPeer peer = new NettyPeer(new Authority().certificate(HOST));
        try (peer) {
            Options options = options(peer.start().port());
            assertThat(codes(examine(WSS, options))).containsExactly(Code.CERTIFICATE_CHAIN_INCOMPLETE);
            assertThat(codes(examine(WSS, options.insecure(true)))).isEmpty();
        }
    }

    @Test
    void certificateThatExpiresSoon() throws Exception {
        Instant now = Instant.now();
        assertThat(diagnosed(new NettyPeer(
                        AUTHORITY.certificate(now.minus(Duration.ofDays(80)), now.plus(Duration.ofDays(5)), HOST))))
                .containsExactly(Code.CERTIFICATE_EXPIRES_SOON);
    }

    @Test
    void http2Only() throws Exception {
        assertThat(diagnosed(tls().alpn("h2").connect(NettyPeer.Connect.NOT_ANNOUNCED)))
                .containsExactly(Code.ALPN_H2_ONLY);
    }

    @Test
    void http2WithoutExtendedConnect() throws Exception {
        try (NettyPeer peer = tls().connect(NettyPeer.Connect.NOT_ANNOUNCED).start()) {
            Report report = examine(WSS, peer.port());
            assertThat(codes(report)).containsExactly(Code.H2_WITHOUT_WEBSOCKET);
            assertThat(new TextReport(false, false).render(report))
                    .contains(
                            "Browsers cope",
                            "--http1.1",
                            "takes HTTP/2 from every client",
                            "502 for every HTTP/2 client")
                    .contains("changes nothing: it is on by default");
            assertThat(report.findings().getFirst().meaning()).contains("asks for no WebSocket by HTTP/1.1 either");
        }
    }

    @Test
    void http2Withheld() throws Exception {
        assertThat(diagnosed(tls().alpn("http/1.1", "h2"))).containsExactly(Code.H2_WITHHELD);
    }

    @Test
    void useClientProtocolBeforeAnHttp1Backend() throws Exception {
        assertThat(
                        diagnosed(
                                tls().connect(NettyPeer.Connect.NOT_ANNOUNCED)
                                        .http2Pages(
                                                502,
                                                "upstream connect error or disconnect/reset before headers. reset reason: protocol error")))
                .containsExactlyInAnyOrder(Code.USE_CLIENT_PROTOCOL, Code.H2_WITHOUT_WEBSOCKET);
    }

    @Test
    void extendedConnectAnnouncedAndBroken() throws Exception {
        assertThat(diagnosed(tls().connect(NettyPeer.Connect.ANNOUNCED_BUT_400)))
                .containsExactly(Code.EXTENDED_CONNECT_FAILS);
        assertThat(diagnosed(tls().connect(NettyPeer.Connect.FIRST_ONLY)))
                .containsExactly(Code.EXTENDED_CONNECT_FIRST_ONLY);
    }

    @Test
    void wrongAnswerOnASharedConnection() throws Exception {
        assertThat(diagnosed(
                        new NettyPeer(AUTHORITY.certificate(HOST, "two.test")).onSharedConnection("two.test", 404)))
                .containsExactly(Code.COALESCING_WRONG);
        assertThat(diagnosed(
                        new NettyPeer(AUTHORITY.certificate(HOST, "two.test")).onSharedConnection("two.test", 421)))
                .isEmpty();
    }

    @Test
    void redirectLoop() throws Exception {
        assertThat(diagnosed(
                        "http://" + HOST + "/a",
                        call -> call.answer(
                                302,
                                "text/plain",
                                "",
                                "Location: " + (call.path().equals("/a") ? "/b" : "/a"))))
                .containsExactly(Code.REDIRECT_LOOP);
    }

    @Test
    void endlessBodyEndsWithALineAndNoFinding() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
            while (true) {
                call.raw("x".repeat(8192));
            }
        })) {
            Report report = examine("http://" + HOST + "/", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(reading(report, "page-http1").line()).contains("bytes and more");
        }
    }

    @Test
    void slowDrip() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/", call -> {
                    call.raw("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                    while (true) {
                        call.raw("x");
                        Thread.sleep(50);
                    }
                }))
                .containsExactly(Code.PAGE_UNFINISHED);
    }

    @Test
    void endlessHeaders() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/", call -> {
                    call.raw("HTTP/1.1 200 OK\r\n");
                    while (true) {
                        call.raw("X: " + "x".repeat(8000) + "\r\n");
                    }
                }))
                .containsExactly(Code.NOT_HTTP);
    }

    @Test
    void slowPage() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (!call.isUpgrade()) {
                Thread.sleep(2100);
            }
            RawPeer.healthy(call);
        })) {
            assertThat(codes(examine(
                            WS,
                            options(peer.port()).timeout(Duration.ofSeconds(4)).streams(0))))
                    .containsExactly(Code.PAGE_SLOW);
        }
    }

    @Test
    void eventsHeldBack() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    Thread.sleep(900);
                    call.answer(200, "text/event-stream", "data: 1\n\ndata: 2\n\ndata: 3\n\n");
                }))
                .containsExactly(Code.EVENTS_BUFFERED);
    }

    @Test
    void eventsThatFlowAreFine() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
                    for (int i = 0; i < 20; i++) {
                        call.raw("data: " + i + "\n\n");
                        Thread.sleep(60);
                    }
                }))
                .isEmpty();
    }

    @Test
    void eventsCut() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    call.raw(
                            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
                    call.raw("9\r\ndata: 1\n\n\r\n");
                    Thread.sleep(200);
                }))
                .containsExactly(Code.EVENTS_CUT);
    }

    @Test
    void silentStreamCutAndPingsKeepIt() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade() && !call.isForeign()) {
                call.accept();
                call.socket.setSoTimeout(1200);
            }
            if (call.isUpgrade() && !call.isForeign()) {
                call.echo();
            } else {
                RawPeer.healthy(call);
            }
        })) {
            Options options = options(peer.port()).deep(Duration.ofMillis(2500));
            Report report = examine(WS, options);
            assertThat(codes(report)).containsExactly(Code.IDLE_CUT);
            assertThat(reading(report, "idle").line())
                    .contains("silent: ended after", "pinged".substring(0, 4), "stood");
        }
    }

    @Test
    void pingsDoNotKeepALifetime() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade() && !call.isForeign()) {
                call.accept();
                Thread.sleep(1300);
            } else {
                RawPeer.healthy(call);
            }
        })) {
            assertThat(codes(examine(WS, options(peer.port()).deep(Duration.ofMillis(2500)))))
                    .containsExactly(Code.PINGS_DO_NOT_KEEP);
        }
    }

    @Test
    void fewerStreamsThanAsked() throws Exception {
        AtomicInteger open = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            if (!call.isUpgrade() || call.isForeign()) {
                RawPeer.healthy(call);
                return;
            }
            try {
                if (open.incrementAndGet() > 6) {
                    call.answer(503, "text/plain", "");
                } else {
                    call.accept();
                    call.echo();
                }
            } finally {
                open.decrementAndGet();
            }
        })) {
            assertThat(codes(examine(WS, options(peer.port()).streams(20)))).containsExactly(Code.STREAM_LIMIT);
        }
    }

    /** One of two backends is broken; whichever the first handshake meets. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void everyOtherHandshakeFails(int first) throws Exception {
        AtomicInteger asked = new AtomicInteger(first);
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade() && !call.isForeign() && asked.getAndIncrement() % 2 == 0) {
                        call.answer(503, "text/plain", "");
                    } else {
                        RawPeer.healthy(call);
                    }
                }))
                .containsExactly(Code.UPGRADE_INTERMITTENT);
    }

    /** The first ten handshakes are those of other probes. */
    @Test
    void oneStreamThatIsRefusedByChanceIsNoLimit() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade() && !call.isForeign() && asked.incrementAndGet() == 12) {
                call.answer(503, "text/plain", "");
            } else {
                RawPeer.healthy(call);
            }
        })) {
            Report report = examine(WS, options(peer.port()).streams(20));
            assertThat(codes(report)).containsExactly(Code.UPGRADE_INTERMITTENT);
            assertThat(reading(report, "load").line()).startsWith("20 of 20 streams open");
        }
    }

    @Test
    void pagesSufferBesideStreams() throws Exception {
        AtomicInteger open = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            if (!call.isUpgrade()) {
                Thread.sleep(open.get() > 8 ? 400 : 1);
            }
            open.addAndGet(call.isUpgrade() ? 1 : 0);
            try {
                RawPeer.healthy(call);
            } finally {
                open.addAndGet(call.isUpgrade() ? -1 : 0);
            }
        })) {
            assertThat(codes(examine(WS, options(peer.port()).streams(10)))).containsExactly(Code.PAGES_SUFFER);
        }
    }

    @Test
    void pagesThatAreAlwaysSlowDoNotSuffer() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (!call.isUpgrade()) {
                        Thread.sleep(400);
                    }
                    RawPeer.healthy(call);
                }))
                .isEmpty();
    }

    @Test
    void thisMachineIsNoTrustedProxyWhichIsNoFault() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.headers.containsKey("X-Forwarded-For")) {
                call.answer(403, "text/plain", "untrusted proxy");
            } else {
                RawPeer.healthy(call);
            }
        })) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).containsExactly(Code.FORWARDED_REFUSED);
        }
    }

    @Test
    void aSiteThatWantsALoginIsSound() throws Exception {
        for (int status : List.of(401, 403)) {
            try (RawPeer peer = new RawPeer(call -> call.answer(status, "text/plain", "login first"))) {
                Report report = examine("http://" + HOST + "/", peer.port());
                assertThat(codes(report)).isEmpty();
                assertThat(report.findings())
                        .extracting(Finding::code)
                        .containsExactly(status == 401 ? Code.UPGRADE_UNAUTHORIZED : Code.UPGRADE_FORBIDDEN);
            }
        }
        assertThat(diagnosed(WS, call -> call.answer(401, "text/plain", "login first")))
                .containsExactly(Code.UPGRADE_UNAUTHORIZED);
        assertThat(diagnosed(
                        "http://" + HOST + "/",
                        call -> call.answer(401, "text/plain", "", "x-holdfast-reason: credentials_missing")))
                .isEmpty();
    }

    @Test
    void serverErrorOfThePage() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/", call -> call.answer(503, "text/plain", "no healthy upstream")))
                .containsExactly(Code.NO_ENDPOINTS);
        assertThat(diagnosed(
                        "http://" + HOST + "/", call -> call.answer(504, "text/plain", "upstream request timeout")))
                .containsExactly(Code.REQUEST_TIMEOUT);
        assertThat(diagnosed("http://" + HOST + "/", call -> call.answer(500, "text/plain", "oops")))
                .containsExactly(Code.PAGE_ERROR);
    }

    @Test
    void ourOwnReasonsAreRead() throws Exception {
        assertThat(diagnosed(WS, call -> call.answer(404, "text/plain", "no_route\n", "x-holdfast-reason: no_route")))
                .containsExactly(Code.NO_ROUTE);
        assertThat(diagnosed(
                        "http://" + HOST + "/",
                        call -> call.answer(504, "text/plain", "", "x-holdfast-reason: request_timeout")))
                .containsExactly(Code.REQUEST_TIMEOUT);
        assertThat(diagnosed(
                        "http://" + HOST + "/",
                        call -> call.answer(503, "text/plain", "", "x-holdfast-reason: no_endpoints")))
                .containsExactly(Code.NO_ENDPOINTS);
        assertThat(diagnosed("http://" + HOST + "/", call -> call.answer(404, "text/plain", "", "server: envoy")))
                .containsExactly(Code.NO_ROUTE);
        assertThat(diagnosed(WS, call -> {
                    if (call.isUpgrade()) {
                        call.answer(
                                403, "text/plain", "upgrade_not_allowed\n", "x-holdfast-reason: upgrade_not_allowed");
                    } else {
                        call.page("hello");
                    }
                }))
                .containsExactly(Code.UPGRADE_NOT_ALLOWED);
    }

    @Test
    void nothingListens() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        Report report = examine(WS, port);
        assertThat(report.verdict().exitCode()).isEqualTo(2);
        assertThat(report.cannot()).hasValueSatisfying(line -> assertThat(line).contains("refused"));
        assertThat(new TextReport(false, false).render(report))
                .contains("✗ reach")
                .doesNotContain("✓");
    }

    @Test
    void nameWithoutAddress() {
        Report report = examine("https://no-such-name.invalid/", Options.DEFAULT.timeout(Duration.ofSeconds(3)));
        assertThat(report.verdict().exitCode()).isEqualTo(2);
        assertThat(report.cannot()).hasValueSatisfying(line -> assertThat(line).contains("no-such-name.invalid"));
    }

    @Test
    void whatIsSecretIsNeitherShownNorSentElsewhere() throws Exception {
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            List<String> wire = new ArrayList<>();
            Options options = options(peer.port())
                    .headers(List.of(
                            new Header("Authorization", "Bearer hush"),
                            new Header("X-Api-Key", "hush-too"),
                            new Header("X-Pin", "197")));
            Report report = Doctor.probe(Target.parse(WS), options, new Progress() {
                @Override
                public void wire(String line) {
                    synchronized (wire) {
                        wire.add(line);
                    }
                }
            });
            assertThat(codes(report)).isEmpty();
            assertThat(wire)
                    .anyMatch(l -> l.contains("Authorization: [redacted]"))
                    .anyMatch(l -> l.contains("X-Api-Key: [redacted]"))
                    .anyMatch(l -> l.contains("X-Pin: [redacted]"))
                    .noneMatch(l -> l.contains("hush") || l.contains("197"));
            assertThat(peer.heads).contains("X-Api-Key: hush-too", "X-Pin: 197");
            assertThat(new JsonReport(true).render(report))
                    .contains("X-Api-Key: [redacted]")
                    .doesNotContain("hush", "X-Pin: 197");
        }
    }

    /** The peer says what it was sent, in the page, the handshake's answer and a frame. */
    @Test
    void whatIsSecretIsNotShownWhereItComesBack() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            String said = "you said " + call.headers.get("X-Api-Key");
            if (call.isUpgrade()) {
                call.answer(400, "text/plain", said, "X-Said: " + said);
            } else {
                call.answer(500, "text/plain", said);
            }
        })) {
            Options options = options(peer.port()).headers(List.of(new Header("X-Api-Key", "hush-too")));
            Report report = Doctor.probe(Target.parse(WS), options);
            assertThat(new JsonReport(true).render(report))
                    .contains("you said [redacted]")
                    .doesNotContain("hush");
            assertThat(new TextReport(false, true).render(report))
                    .contains("you said [redacted]")
                    .doesNotContain("hush");
        }
    }

    @Test
    void whatIsSecretIsNotSentToAnotherHostOfTheCertificate() throws Exception {
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST, "two.test")).start()) {
            Options options = options(peer.port())
                    .headers(List.of(
                            new Header("Authorization", "Bearer hush"),
                            new Header("Cookie", "hush=1"),
                            new Header("X-Api-Key", "hush-too")));
            Report report = examine(WSS, options);
            assertThat(reading(report, "coalescing").line()).contains("two.test on this connection: 200");
            assertThat(peer.heads(HOST))
                    .isNotEmpty()
                    .allMatch(head -> head.contains("hush-too") && head.contains("Bearer hush"));
            assertThat(peer.heads("two.test")).hasSize(2).noneMatch(head -> head.contains("hush"));
        }
    }
}
