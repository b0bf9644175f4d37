package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.reading;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.report.Report;
import org.junit.jupiter.api.Test;

/** A sound peer gives no finding. */
class HealthyTest {
    @Test
    void aServerWithHttp2AndRfc8441IsHealthy() throws Exception {
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST)).start()) {
            Report report = examine("wss://" + HOST + "/ws", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.verdict()).isEqualTo(Report.Verdict.HEALTHY);
            assertThat(reading(report, "extended-connect").line())
                    .contains("3 WebSockets on one HTTP/2 connection, page beside them 200");
            assertThat(reading(report, "upgrade-over-http2").line()).contains("a GET, not an upgrade", "400");
            assertThat(reading(report, "tls").line()).contains("prefers h2");
            assertThat(reading(report, "load").line()).startsWith("5 of 5 streams open; page by HTTP/2");
        }
    }

    @Test
    void aPlainServerIsHealthy() throws Exception {
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            Report report = examine("ws://" + HOST + "/ws", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.verdict().exitCode()).isZero();
            assertThat(reading(report, "origin").line())
                    .contains("own Origin let in", "Origin of another site refused with 403");
            assertThat(report.requests()).isLessThan(60);
        }
    }

    @Test
    void aPageWithoutWebSocketIsHealthyAndSaidToBeOne() throws Exception {
        try (RawPeer peer = new RawPeer(call -> call.page("just a page"))) {
            Report report = examine("http://" + HOST + "/", peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(f -> f.code().name()).containsExactly("NO_WEBSOCKET_HERE");
        }
    }
}
