package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.options;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.report.JsonReport;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is printed is what was sent, and the report's outer shape is what docs/doctor/README.md promises. */
class TranscriptTest {
    private static List<String> sent(Report report) {
        return report.wire().stream()
                .filter(l -> l.matches("\\[\\d+] > .*"))
                .map(l -> l.replaceFirst("\\[\\d+] > ", "").strip())
                .toList();
    }

    @Test
    void everyLineThatThePeerGotIsPrintedAndNoOther() throws Exception {
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            Report report = Doctor.probe(
                    Target.parse("ws://" + HOST + "/ws"),
                    options(peer.port()).deep(Duration.ofMillis(400)).streams(3));
            assertThat(report.verdict()).isEqualTo(Report.Verdict.HEALTHY);
            List<String> frames = List.of("PING", "PONG", "CLOSE");
            List<String> printed =
                    sent(report).stream().filter(l -> !frames.contains(l)).toList();
            assertThat(printed).containsExactlyInAnyOrderElementsOf(peer.heads);
            assertThat(report.requests()).isEqualTo(peer.requests.size());
            assertThat(report.connections()).isEqualTo(peer.connections.get());
            assertThat(report.wire()).anyMatch(l -> l.contains("resolve 127.0.0.1"));
        }
    }

    @Test
    void framesOfHttp2ThatCarryNoRequestArePrintedToo() throws Exception {
        try (NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST)).start()) {
            Report report = Doctor.probe(Target.parse("wss://" + HOST + "/ws"), options(peer.port()));
            assertThat(sent(report)).contains("SETTINGS ACK", "SETTINGS ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=1048576");
            assertThat(sent(report)).anyMatch(l -> l.startsWith("WINDOW_UPDATE"));
            assertThat(report.wire()).anyMatch(l -> l.contains("stream") && l.endsWith("> RST_STREAM CANCEL"));
        }
    }

    @Test
    void theReportIsTheSameForMachinesWhateverWasFound() throws Exception {
        try (RawPeer peer = new RawPeer(call -> call.answer(403, "text/plain", "\u001b[31mno\u202e"))) {
            Report report = Doctor.probe(Target.parse("ws://" + HOST + "/ws"), options(peer.port()));
            JsonNode root = new ObjectMapper().readTree(new JsonReport(false).render(report));
            assertThat(root.fieldNames())
                    .toIterable()
                    .containsExactly(
                            "target",
                            "connect",
                            "verdict",
                            "exitCode",
                            "findings",
                            "readings",
                            "manifestProblems",
                            "connections",
                            "requests",
                            "tookMillis");
            assertThat(root.get("findings").get(0).fieldNames())
                    .toIterable()
                    .containsExactly("code", "level", "title", "probe", "seen", "meaning", "atFault", "cures");
            assertThat(root.get("findings").get(0).get("cures").get(0).fieldNames())
                    .toIterable()
                    .containsExactlyInAnyOrder("helps", "what", "price", "mendings");
            assertThat(root.get("exitCode").asInt()).isEqualTo(1);
            assertThat(new TextReport(false, true).render(report)).doesNotContain("\u001b", "\u202e");
            assertThat(new TextReport(true, true).render(report))
                    .contains("\u001b[31m1 finding\u001b[0m")
                    .doesNotContain("\u001b[31mno");
        }
    }
}
