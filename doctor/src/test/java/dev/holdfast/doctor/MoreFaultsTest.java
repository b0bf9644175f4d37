package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.options;
import static dev.holdfast.doctor.Peers.reading;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Diagnosis;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.explain.Manifests;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.ReachProbe;
import dev.holdfast.doctor.probe.Readings;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.probe.TlsProbe;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.wire.TlsFacts;
import dev.holdfast.doctor.wire.WireException;
import dev.holdfast.resource.read.ManifestReader;
import io.netty.pkitesting.CertificateBuilder;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** The rarer findings, each alone, and answers that have no end. */
class MoreFaultsTest {
    private static final String WS = "ws://" + HOST + "/ws";
    private static final String WSS = "wss://" + HOST + "/ws";

    private static List<Code> diagnosed(String url, RawPeer.Behaviour behaviour) throws Exception {
        try (RawPeer peer = new RawPeer(behaviour)) {
            return codes(examine(url, peer.port()));
        }
    }

    /** Pages as they should be, handshakes with this status. */
    private static RawPeer.Behaviour handshakes(int status, String body) {
        return call -> {
            if (call.isUpgrade()) {
                call.answer(status, "text/plain", body);
            } else {
                call.page("hello");
            }
        };
    }

    @Test
    void handshakesRefusedByStatus() throws Exception {
        assertThat(diagnosed(WS, handshakes(401, "login"))).containsExactly(Code.UPGRADE_UNAUTHORIZED);
        assertThat(diagnosed(WS, handshakes(403, "no"))).containsExactly(Code.UPGRADE_FORBIDDEN);
        assertThat(diagnosed(WS, handshakes(400, "no such subprotocol"))).containsExactly(Code.UPGRADE_FORBIDDEN);
        assertThat(diagnosed(WS, handshakes(404, "nothing"))).containsExactly(Code.UPGRADE_NOT_FOUND);
        assertThat(diagnosed(WS, handshakes(502, "Bad Gateway"))).containsExactly(Code.UPGRADE_BACKEND_FAILS);
        assertThat(
                        diagnosed(
                                WS,
                                handshakes(
                                        502,
                                        "upstream connect error or disconnect/reset before headers. reset reason: protocol error")))
                .containsExactly(Code.UPGRADE_BACKEND_HTTP2);
        String nginx = "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<hr><center>nginx</center>";
        assertThat(diagnosed(WS, handshakes(400, nginx))).containsExactly(Code.UPGRADE_BACKEND_HTTP2);
    }

    @Test
    void pagesThatFailOverHttp2Alone() throws Exception {
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST))
                .http2Pages(500, "oops")
                .start()) {
            assertThat(codes(examine(WSS, peer.port()))).containsExactly(Code.H2_PAGE_FAILS);
        }
    }

    @Test
    void certificatesThatNobodyTrustsOrThatAreNotValidYet() throws Exception {
        try (NettyPeer peer = new NettyPeer(new CertificateBuilder()
                        .subject("CN=" + HOST)
                        .addSanDnsName(HOST)
                        .setIsCertificateAuthority(true)
                        .buildSelfSigned())
                .start()) {
            assertThat(codes(examine(WSS, peer.port()))).containsExactly(Code.CERTIFICATE_UNTRUSTED);
        }
        Instant now = Instant.now();
        try (NettyPeer peer = new NettyPeer(
                        AUTHORITY.certificate(now.plus(Duration.ofDays(1)), now.plus(Duration.ofDays(80)), HOST))
                .start()) {
            assertThat(codes(examine(WSS, peer.port()))).containsExactly(Code.CERTIFICATE_NOT_YET_VALID);
        }
    }

    @Test
    void outdatedTls() throws Exception {
        Target target = Target.parse(WSS);
        assertThat(outdated(Manifests.none(target)).atFault()).isEmpty();
        Finding named = outdated(Manifests.of(
                ManifestReader.readText("all.yaml", ManifestTest.GATEWAY + """
                        apiVersion: gateway.envoyproxy.io/v1alpha1
                        kind: ClientTrafficPolicy
                        metadata: {name: envoy, namespace: home}
                        spec:
                          targetRefs:
                            - {group: gateway.networking.k8s.io, kind: Gateway, name: envoy}
                          tls: {minVersion: "1.0"}
                        """).resources(), target));
        assertThat(named.atFault()).hasSize(1);
        assertThat(named.atFault().getFirst().origin().fieldPath()).isEqualTo("spec.tls.minVersion");
    }

    private static Finding outdated(Manifests manifests) throws Exception {
        TlsFacts facts = new TlsFacts(
                "TLSv1.3", "X", "h2", List.of(AUTHORITY.certificate(HOST).getCertificate()), Duration.ZERO);
        Target target = Target.parse(WSS);
        TlsProbe.Tls tls = new TlsProbe.Tls(
                facts,
                Map.of("h2, http/1.1", "h2", "http/1.1, h2", "h2", "h2", "h2", "http/1.1", "http/1.1"),
                List.of("TLSv1.1", "TLSv1.2"),
                List.of(HOST),
                true,
                dev.holdfast.doctor.probe.Certificates.Trust.TRUSTED);
        List<Finding> findings = Diagnosis.of(target, Options.DEFAULT, new Readings(List.of(tls)), manifests);
        assertThat(findings).extracting(Finding::code).containsExactly(Code.TLS_OUTDATED);
        return findings.getFirst();
    }

    /** Both families of a name; addresses of documentation (RFC 5737, RFC 3849), made up and not connected to. */
    @Test
    void oneOfSeveralAddressesIsDead() throws Exception {
        Target target = Target.parse(WS);
        ReachProbe.Attempt four = new ReachProbe.Attempt(
                new InetSocketAddress(InetAddress.getByName("192.0.2.1"), 80), Duration.ZERO, Optional.empty());
        ReachProbe.Attempt six = new ReachProbe.Attempt(
                new InetSocketAddress(InetAddress.getByName("2001:db8::1"), 80),
                Duration.ZERO,
                Optional.of(new WireException(WireException.Kind.TIMEOUT, "no answer")));
        ReachProbe.Reach reach = new ReachProbe.Reach(HOST, Duration.ZERO, List.of(six, four));
        List<Finding> found =
                Diagnosis.of(target, Options.DEFAULT, new Readings(List.of(reach)), Manifests.none(target));
        assertThat(found).extracting(Finding::code).containsExactly(Code.ADDRESS_UNREACHABLE);
        assertThat(found.getFirst().cures().getFirst().what()).contains("IPv6");
        assertThat(reach.best()).contains(four);
    }

    @Test
    void compressedEvents() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n");
                    call.raw("data: 1\n\n");
                }))
                .containsExactly(Code.EVENTS_COMPRESSED);
    }

    @Test
    void eventsCompressedForWhoTakesThat() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    boolean gzip =
                            call.headers.getOrDefault("Accept-Encoding", "").contains("gzip");
                    call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                            + (gzip ? "Content-Encoding: gzip\r\n" : "") + "\r\n");
                    call.raw("data: 1\n\n");
                }))
                .containsExactly(Code.EVENTS_COMPRESSED);
    }

    /** As nginx does it: the answer to a HEAD has nothing that could be kept back. */
    @Test
    void eventsHeldBackWithTheirHead() throws Exception {
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    if (call.line.startsWith("HEAD")) {
                        call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
                    } else {
                        call.in.read();
                    }
                }))
                .containsExactly(Code.EVENTS_BUFFERED);
        assertThat(diagnosed("http://" + HOST + "/events", call -> {
                    if (call.line.startsWith("HEAD")) {
                        call.answer(405, "text/plain", "");
                    } else {
                        call.in.read();
                    }
                }))
                .containsExactly(Code.NO_ANSWER);
    }

    @Test
    void aStreamWithoutEventsIsNoted() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            call.in.read();
        })) {
            Report report = examine("http://" + HOST + "/events", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).contains(Code.EVENTS_SILENT);
        }
    }

    /** One page of fifteen, the same in each round. */
    @Test
    void aFewPagesSufferBesideStreams() throws Exception {
        AtomicInteger open = new AtomicInteger();
        AtomicInteger pages = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            boolean stream = call.isUpgrade() && !call.isForeign();
            if (!call.isUpgrade() && open.get() > 8 && pages.incrementAndGet() % 15 == 7) {
                Thread.sleep(2500);
            }
            open.addAndGet(stream ? 1 : 0);
            try {
                RawPeer.healthy(call);
            } finally {
                open.addAndGet(stream ? -1 : 0);
            }
        })) {
            Options options = options(peer.port()).streams(10).timeout(Duration.ofSeconds(6));
            assertThat(codes(examine(WS, options))).containsExactly(Code.PAGES_SUFFER);
        }
    }

    /** Every fifteenth, but not among the first: with streams and without. */
    @Test
    void aFewPagesThatAreSlowByThemselvesDoNotSuffer() throws Exception {
        AtomicInteger pages = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            if (!call.isUpgrade() && pages.incrementAndGet() > 24 && pages.get() % 15 == 7) {
                Thread.sleep(1000);
            }
            RawPeer.healthy(call);
        })) {
            Options options = options(peer.port()).streams(10).timeout(Duration.ofSeconds(3));
            Report report = examine(WS, options);
            assertThat(codes(report)).isEmpty();
            assertThat(reading(report, "load").line()).startsWith("10 of 10");
        }
    }

    @Test
    void whereWebSocketsComeByHttp2AloneTheyAreWatchedThere() throws Exception {
        try (NettyPeer peer =
                new NettyPeer(AUTHORITY.certificate(HOST)).alpn("h2").start()) {
            Report report = examine(WSS, options(peer.port()).deep(Duration.ofMillis(500)));
            assertThat(codes(report)).containsExactly(Code.ALPN_H2_ONLY);
            assertThat(reading(report, "load").line()).startsWith("5 of 5 streams open; page by HTTP/2");
            assertThat(reading(report, "idle").line())
                    .startsWith("silent: stood")
                    .contains(": stood");
        }
    }

    /** As n8n: an Origin there must be, and its host is X-Forwarded-Host's, else Host's, here replaced by a hop. */
    @Test
    void aHopThatReplacesHostAndDoesNotSayByWhat() throws Exception {
        try (RawPeer peer = new RawPeer(comparing("backend.internal"))) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).containsExactly(Code.ORIGIN_REFUSED);
            assertThat(report.findings().getFirst().meaning()).contains("a hop replaces Host");
        }
    }

    @Test
    void anApplicationThatComparesForwardedHostAsTextIsNoted() throws Exception {
        try (RawPeer peer = new RawPeer(comparing(HOST))) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).containsExactly(Code.FORWARDED_STRICT);
            assertThat(reading(report, "origin").line())
                    .contains("with X-Forwarded-Host let in", "with X-Forwarded-Host twice refused");
        }
    }

    private static RawPeer.Behaviour comparing(String host) {
        return call -> {
            String expected = call.headers.getOrDefault("X-Forwarded-Host", host);
            if (!call.isUpgrade()) {
                call.page("hello");
            } else if (call.headers.getOrDefault("Origin", "").equals("http://" + expected)) {
                call.accept();
                call.echo();
            } else {
                call.answer(403, "text/plain", "origin");
            }
        };
    }

    @Test
    void anEmptyForwardedHostThatIsRefusedIsNoted() throws Exception {
        strictIsNoted(
                call -> call.headers.getOrDefault("X-Forwarded-Host", "some").isEmpty());
    }

    @Test
    void aHostIsMadeUpUnderAWildcard() throws Exception {
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST, "*." + HOST)).start()) {
            Report report = examine(WSS, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(reading(report, "coalescing").line())
                    .startsWith("holdfast-doctor." + HOST + " on this connection: 200");
        }
    }

    @Test
    void eventsByHttp1AreNotedForBrowsers() throws Exception {
        try (RawPeer peer = new RawPeer(call -> call.answer(200, "text/event-stream", "data: 1\n\n"))) {
            Report report = examine("http://" + HOST + "/events", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).contains(Code.EVENTS_SIX);
        }
    }

    @Test
    void anApplicationThatIsStrictAboutForwardedHeadersIsNoted() throws Exception {
        strictIsNoted(call -> "unknown".equals(call.headers.get("X-Forwarded-For"))
                || call.headers.getOrDefault("X-Forwarded-Proto", "").contains(","));
    }

    private static void strictIsNoted(Predicate<RawPeer.Call> odd) throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (odd.test(call)) {
                call.answer(400, "text/plain", "400: Bad Request");
            } else {
                RawPeer.healthy(call);
            }
        })) {
            Report report = examine(WS, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).containsExactly(Code.FORWARDED_STRICT);
        }
    }

    @Test
    void aHopThatLosesThePortOfHost() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            String origin = call.headers.getOrDefault("Origin", "");
            if (call.isUpgrade() && !origin.isEmpty() && !origin.equals("http://" + HOST)) {
                call.answer(403, "text/plain", "origin is not " + HOST);
            } else if (call.isUpgrade()) {
                call.accept();
                call.echo();
            } else {
                call.page("hello");
            }
        })) {
            Report report = examine("ws://" + HOST + ":8123/ws", peer.port());
            assertThat(codes(report)).containsExactly(Code.ORIGIN_REFUSED);
            assertThat(report.findings().getFirst().meaning()).contains("a hop loses the port of Host");
        }
    }

    @Test
    void informationalAnswersWithoutEnd() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    while (true) {
                        call.raw("HTTP/1.1 103 Early Hints\r\n\r\n");
                    }
                }))
                .containsExactly(Code.NO_ANSWER);
    }

    @Test
    void framesWithoutEndAfterTheHandshake() throws Exception {
        assertThat(diagnosed(WS, call -> {
                    if (!call.isUpgrade() || call.isForeign()) {
                        RawPeer.healthy(call);
                        return;
                    }
                    call.accept();
                    while (true) {
                        call.raw("\u0081\u007f\u0000\u0000\u0000\u0000\u007f\u00ff\u00ff\u00ff" + "x".repeat(8000));
                    }
                }))
                .isEmpty();
    }

    @Test
    void tlsThatDripsOneByteAtATime() throws Exception {
        try (ServerSocket listening = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
            Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        Socket socket = listening.accept();
                        Thread.ofVirtual().start(() -> drip(socket));
                    }
                } catch (java.io.IOException closed) {
                    return;
                }
            });
            Report report = examine(WSS, options(listening.getLocalPort()));
            assertThat(codes(report)).containsExactly(Code.TLS_FAILED);
        }
    }

    /** The head of a TLS record of 16 KiB, and then for ever a bit of it. */
    private static void drip(Socket socket) {
        try (socket;
                InputStream in = socket.getInputStream();
                OutputStream out = socket.getOutputStream()) {
            in.read();
            out.write(new byte[] {22, 3, 3, 0x40, 0, 2, 0, 0x3f, (byte) 0xfc});
            while (true) {
                out.write(0);
                out.flush();
                Thread.sleep(20);
            }
        } catch (java.io.IOException | InterruptedException gone) {
            return;
        }
    }
}
