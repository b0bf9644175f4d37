package dev.holdfast.doctor.report;

import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.problem.Problem;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What came of an examination.
 *
 * @param cannot why nothing could be examined, one line
 * @param wire what was sent and received, secrets left out
 * @param manifestProblems of the manifests given with it
 */
public record Report(
        Target target,
        Options options,
        Verdict verdict,
        Optional<String> cannot,
        List<Entry> readings,
        List<Finding> findings,
        Optional<Application> application,
        int connections,
        int requests,
        List<String> wire,
        List<Problem> manifestProblems,
        Duration took) {
    /** The exit code of the command belongs to it. */
    public enum Verdict {
        HEALTHY(0),
        FINDINGS(1),
        CANNOT_PROBE(2);

        private final int exitCode;

        Verdict(int exitCode) {
            this.exitCode = exitCode;
        }

        public int exitCode() {
            return exitCode;
        }
    }

    /** A reading and how long it took. */
    public record Entry(Reading reading, Duration took) {}

    public Report {
        readings = List.copyOf(readings);
        findings = List.copyOf(findings);
        wire = List.copyOf(wire);
        manifestProblems = List.copyOf(manifestProblems);
    }
}
