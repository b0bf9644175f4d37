package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.reading;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.probe.Certificates;
import dev.holdfast.doctor.probe.Certificates.Trust;
import dev.holdfast.doctor.report.Report;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Bad input below HTTP, and what of certificates and headers is rarely met. */
class OddPeersTest {
    private static final byte[] SETTINGS = frame(4, 0, 0, new byte[0]);
    /** The indexed field {@code :status: 200} (RFC 7541, appendix A). */
    private static final byte[] OK = {(byte) 0x88};

    static Stream<Arguments> http2() {
        return Stream.of(
                Arguments.of("garbage", "220 mail.example ESMTP\r\n".repeat(50).getBytes(StandardCharsets.US_ASCII)),
                Arguments.of("a frame of 16 MiB", new byte[] {-1, -1, -1, 0, 0, 0, 0, 0, 1}),
                Arguments.of("a GOAWAY that is too short", join(SETTINGS, frame(7, 0, 0, new byte[3]))),
                Arguments.of(
                        "a header block without end",
                        join(SETTINGS, frame(1, 0, 1, OK), frames(3000, frame(9, 0, 1, new byte[1000])))),
                Arguments.of("a header block that is none", join(SETTINGS, frame(1, 4, 1, new byte[] {
                    -1, -1, -1, -1, -1, -1
                }))));
    }

    /** After such a beginning HTTP/2 fails, in time and in a line each, and HTTP/1.1 is not concerned. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("http2")
    void badHttp2(String what, byte[] bytes) throws Exception {
        try (NettyPeer peer =
                new NettyPeer(AUTHORITY.certificate(HOST)).http2Says(bytes).start()) {
            Report report = examine("wss://" + HOST + "/ws", peer.port());
            assertThat(codes(report)).as(what).contains(Code.H2_PAGE_FAILS);
            assertThat(reading(report, "upgrade").line()).contains("101");
        }
    }

    @Test
    void aBodyOfHttp2WithoutEndIsNotReadToItsEnd() throws Exception {
        byte[] endless = join(frame(1, 4, 1, OK), frames(1000, frame(0, 0, 1, new byte[1000])));
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST))
                .http2Says(SETTINGS)
                .http2Answers(endless)
                .start()) {
            Report report = examine("wss://" + HOST + "/ws", peer.port());
            assertThat(reading(report, "page-http2").line()).contains("HTTP/2 200", "then no end of it");
        }
    }

    @Test
    void aPeerThatFallsSilentAfterTls() throws Exception {
        try (NettyPeer peer =
                new NettyPeer(AUTHORITY.certificate(HOST)).silent().start()) {
            Report report = examine("wss://" + HOST + "/ws", peer.port());
            assertThat(codes(report)).containsExactly(Code.NO_ANSWER);
            assertThat(report.connections()).isLessThanOrEqualTo(20);
        }
    }

    @Test
    void http3IsSeenWhereItIsAdvertised() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade()) {
                RawPeer.healthy(call);
            } else {
                call.answer(200, "text/html", "hello", "Alt-Svc: h3=\":443\"; ma=86400");
            }
        })) {
            Report report = examine("ws://" + HOST + "/ws", peer.port());
            assertThat(reading(report, "alt-svc").line()).isEqualTo("advertised: h3=\":443\"; ma=86400");
            assertThat(reading(report, "alt-svc").facts()).containsEntry("http3", true);
        }
    }

    @Test
    void theFactsOfAHandshakeAreWhatWentOverTheWire() throws Exception {
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            var facts = reading(examine("ws://" + HOST + "/ws", peer.port()), "upgrade")
                    .facts();
            List<?> sent = (List<?>) facts.get("sent");
            List<?> received = (List<?>) facts.get("received");
            assertThat(sent).isNotEmpty().allMatch(peer.heads::contains);
            assertThat(sent).anyMatch("Upgrade: websocket"::equals).anyMatch("Host: doctor.test"::equals);
            assertThat(received)
                    .anyMatch("HTTP/1.1 101 Switching Protocols"::equals)
                    .anyMatch("Upgrade: websocket"::equals);
        }
    }

    @Test
    void anApplicationThatWantsThePortInHost() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            boolean port = call.headers.getOrDefault("Host", "").endsWith(":80");
            if (call.isUpgrade() && (!port || call.isForeign())) {
                call.answer(403, "text/plain", "origin");
            } else {
                RawPeer.healthy(call);
            }
        })) {
            Report report = examine("ws://" + HOST + "/ws", peer.port());
            assertThat(codes(report)).containsExactly(Code.ORIGIN_REFUSED);
            assertThat(report.findings().getFirst().meaning()).contains("where Host carries the default port");
        }
    }

    @Test
    void aWildcardStandsForOneLabel() {
        List<String> names = List.of("*.example.test", "one.test");
        assertThat(Certificates.matches("a.example.test", names)).isTrue();
        assertThat(Certificates.matches("one.test", names)).isTrue();
        assertThat(Certificates.matches("a.b.example.test", names)).isFalse();
        assertThat(Certificates.matches("example.test", names)).isFalse();
        assertThat(Certificates.matches("192.0.2.1", List.of("*.0.2.1"))).isFalse();
    }

    @Test
    void aChainWithoutItsIntermediateIsToldFromOneThatNobodyTrusts() throws Exception {
        X509Bundle root = authority("CN=root").buildSelfSigned();
        X509Bundle intermediate = authority("CN=intermediate").buildIssuedBy(root);
        X509Certificate leaf = new CertificateBuilder()
                .subject("CN=leaf")
                .addSanDnsName(HOST)
                .buildIssuedBy(intermediate)
                .getCertificate();
        List<X509Certificate> trusted = List.of(root.getCertificate());
        List<X509Certificate> whole = List.of(leaf, intermediate.getCertificate());
        assertThat(Certificates.trust(whole, trusted)).isEqualTo(Trust.TRUSTED);
        assertThat(Certificates.trust(List.of(leaf), trusted)).isEqualTo(Trust.INCOMPLETE);
        assertThat(Certificates.trust(whole, List.of())).isEqualTo(Trust.UNTRUSTED);
    }

    private static CertificateBuilder authority(String subject) {
        return new CertificateBuilder().subject(subject).setIsCertificateAuthority(true);
    }

    /** RFC 9113 §4.1. */
    private static byte[] frame(int type, int flags, int stream, byte[] payload) {
        byte[] head = {
            (byte) (payload.length >> 16),
            (byte) (payload.length >> 8),
            (byte) payload.length,
            (byte) type,
            (byte) flags,
            0,
            0,
            0,
            (byte) stream
        };
        return join(head, payload);
    }

    private static byte[] frames(int times, byte[] frame) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < times; i++) {
            out.writeBytes(frame);
        }
        return out.toByteArray();
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
