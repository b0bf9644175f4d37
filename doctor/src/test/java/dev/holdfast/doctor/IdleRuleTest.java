package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.HOST;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Diagnosis;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.explain.Level;
import dev.holdfast.doctor.explain.Manifests;
import dev.holdfast.doctor.probe.IdleProbe.Idle;
import dev.holdfast.doctor.probe.IdleProbe.Watch;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.Readings;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.wire.Answer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The idle timer of a hop against the ping of the application behind it; readings are made, nothing is waited for. */
class IdleRuleTest {
    private static final Target TARGET = Target.parse("ws://" + HOST + "/");

    private static Finding cutAfter(int seconds, String page) {
        byte[] body = page.getBytes(StandardCharsets.UTF_8);
        Answer answer = new Answer(
                "HTTP/1.1",
                200,
                "OK",
                List.of(),
                body,
                body.length,
                Answer.End.COMPLETE,
                Duration.ZERO,
                Duration.ZERO,
                List.of());
        Readings readings = new Readings(List.of(
                new PageProbe.Http1Page(
                        new PageProbe.Page(List.of("/"), List.of(answer), PageProbe.Walk.ARRIVED), Optional.empty()),
                new Idle(
                        new Watch(Duration.ofSeconds(seconds), Optional.of("the peer closed the connection"), 0),
                        new Watch(Duration.ofSeconds(seconds * 3L), Optional.empty(), 9),
                        Duration.ofSeconds(10))));
        // What an application is always told of itself is not the timer's.
        List<Finding> found = Diagnosis.of(TARGET, Options.DEFAULT, readings, Manifests.none(TARGET)).stream()
                .filter(finding -> finding.code() != Code.GRAFANA_CONNECTION_LIMIT)
                .toList();
        assertThat(found).hasSize(1);
        return found.getFirst();
    }

    @Test
    void aTimerThatIsLongerThanTheApplicationsPingIsANote() {
        Finding finding = cutAfter(60, "<title>Home Assistant</title>");
        assertThat(finding.code()).isEqualTo(Code.IDLE_CUT);
        assertThat(finding.level()).isEqualTo(Level.NOTE);
        assertThat(finding.meaning())
                .contains("nginx (proxy_read_timeout)", "Home Assistant pings every 55 s: it is safe");
    }

    @Test
    void aTimerThatIsShorterCounts() {
        Finding finding = cutAfter(50, "<title>Home Assistant</title>");
        assertThat(finding.counts()).isTrue();
        assertThat(finding.meaning()).contains("does not ping often enough");
        assertThat(cutAfter(20, "<title>Grafana</title>").counts()).isTrue();
        assertThat(cutAfter(30, "<title>Grafana</title>").counts()).isFalse();
    }

    @Test
    void ofAnUnknownApplicationTheTimerCounts() {
        assertThat(cutAfter(300, "<title>mine</title>").level()).isEqualTo(Level.WARNING);
        assertThat(cutAfter(300, "<title>mine</title>").meaning()).contains("Envoy's stream idle timeout is 5 minutes");
    }
}
