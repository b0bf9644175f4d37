package dev.holdfast.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Progress;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.report.JsonReport;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import dev.holdfast.resource.read.ManifestReader;
import java.time.Duration;
import java.util.List;

/** How tests examine a peer on this machine under a name it does not have. */
final class Peers {
    static final Authority AUTHORITY = new Authority();
    static final String HOST = "doctor.test";

    private Peers() {}

    static Options options(int port) {
        return Options.DEFAULT
                .connect(new Options.HostPort("127.0.0.1", port))
                .trusted(AUTHORITY.trusted())
                .timeout(Duration.ofMillis(1500))
                .streams(5);
    }

    static Report examine(String url, int port) {
        return examine(url, options(port));
    }

    /** Every report must render and never show an exception. */
    static Report examine(String url, Options options) {
        Report report = Doctor.probe(Target.parse(url), options, Progress.NONE);
        String text = new TextReport(false, true).render(report);
        String json = new JsonReport(true).render(report);
        assertThat(text).doesNotContain("Exception", "\tat ", "this probe itself failed");
        assertThat(json).contains("\"verdict\"");
        for (Report.Entry entry : report.readings()) {
            assertThat(entry.reading().line()).doesNotContain("\n");
        }
        report.findings().stream()
                .flatMap(f -> f.cures().stream())
                .flatMap(c -> c.mendings().stream())
                .filter(m -> m.text().contains("apiVersion:"))
                .forEach(m -> assertThat(
                                ManifestReader.readText("mending", m.text()).problems())
                        .as(m.text())
                        .isEmpty());
        return report;
    }

    static List<Code> codes(Report report) {
        return report.findings().stream()
                .filter(Finding::counts)
                .map(Finding::code)
                .toList();
    }

    static Reading reading(Report report, String probe) {
        return report.readings().stream()
                .map(Report.Entry::reading)
                .filter(r -> r.probe().equals(probe))
                .findFirst()
                .orElseThrow();
    }
}
