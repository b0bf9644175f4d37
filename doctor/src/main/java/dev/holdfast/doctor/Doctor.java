package dev.holdfast.doctor;

import dev.holdfast.doctor.explain.Diagnosis;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.explain.Manifests;
import dev.holdfast.doctor.probe.AltSvcProbe;
import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.CoalescingProbe;
import dev.holdfast.doctor.probe.EventStreamProbe;
import dev.holdfast.doctor.probe.Exam;
import dev.holdfast.doctor.probe.ExtendedConnectProbe;
import dev.holdfast.doctor.probe.ForwardedProbe;
import dev.holdfast.doctor.probe.IdleProbe;
import dev.holdfast.doctor.probe.LoadProbe;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.OriginProbe;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.Probe;
import dev.holdfast.doctor.probe.Progress;
import dev.holdfast.doctor.probe.ReachProbe;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.probe.Readings;
import dev.holdfast.doctor.probe.RepeatProbe;
import dev.holdfast.doctor.probe.SchemeProbe;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.probe.TlsProbe;
import dev.holdfast.doctor.probe.UpgradeOverHttp2Probe;
import dev.holdfast.doctor.probe.UpgradeProbe;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.Report.Verdict;
import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Dialer;
import dev.holdfast.doctor.wire.Transcript;
import dev.holdfast.doctor.wire.WireException;
import dev.holdfast.doctor.wire.WireException.Kind;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ReadResult;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One examination: probes in order, each within its time, then the diagnosis. {@code Doctor.probe(target, options)} is all there is to call; it blocks, for some seconds where the peer is healthy.
 */
public final class Doctor {
    /** Over and above a probe's own deadline, for it to say what it saw. */
    private static final Duration GRACE = Duration.ofMillis(500);

    private static final ReadResult NONE = new ReadResult(new ResourceSet(List.of(), List.of()), List.of(), false);

    private final Target target;
    private final Options options;
    private final Progress progress;
    private final Transcript transcript;
    private final List<Report.Entry> entries = new ArrayList<>();
    private Readings readings = new Readings(List.of());

    private Doctor(Target target, Options options, Progress progress) {
        this.target = target;
        this.options = options;
        this.progress = progress;
        this.transcript = new Transcript(progress::wire, options.secrets());
    }

    /** The same without being told of progress. */
    public static Report probe(Target target, Options options) {
        return probe(target, options, Progress.NONE);
    }

    /** @throws IllegalArgumentException with one line for the user, where manifests cannot be read */
    public static Report probe(Target target, Options options, Progress progress) {
        return new Doctor(target, options, progress).examine();
    }

    private Report examine() {
        long start = System.nanoTime();
        ReadResult manifests = options.manifests().orElse(NONE);
        if (manifests.unreadable()) {
            throw new IllegalArgumentException(manifests.problems().stream()
                    .findFirst()
                    .map(p -> p.position().map(at -> at.file() + ": ").orElse("") + p.message())
                    .orElse("the manifests cannot be read"));
        }
        Optional<String> cannot = walk(Manifests.hosts(manifests.resources()));
        Manifests concerned = Manifests.of(manifests.resources(), target);
        List<Finding> findings = cannot.isPresent() ? List.of() : Diagnosis.of(target, options, readings, concerned);
        Verdict verdict = cannot.isPresent()
                ? Verdict.CANNOT_PROBE
                : findings.stream().anyMatch(Finding::counts) ? Verdict.FINDINGS : Verdict.HEALTHY;
        return new Report(
                target,
                options,
                verdict,
                cannot,
                entries,
                findings,
                Application.recognise(target, readings),
                transcript.connections(),
                transcript.requests(),
                transcript.lines(),
                problems(manifests, concerned),
                Duration.ofNanos(System.nanoTime() - start));
    }

    private List<Problem> problems(ReadResult manifests, Manifests concerned) {
        List<Problem> problems = new ArrayList<>(
                manifests.problems().stream().filter(Problem::isError).toList());
        options.checks().apply(manifests.resources()).stream()
                .filter(p -> p.resource().filter(concerned::concerns).isPresent())
                .filter(p -> !problems.contains(p))
                .sorted(Comparator.comparing(Problem::severity))
                .forEach(problems::add);
        if (options.manifests().isPresent() && concerned.route().isEmpty()) {
            problems.add(Problem.of(
                    ProblemCode.NO_HOSTNAME,
                    Severity.WARNING,
                    Optional.empty(),
                    "no HTTPRoute of these manifests is for " + target.host() + target.path()
                            + ", so that no line of theirs can be named",
                    "Give the manifests that serve this URL."));
        }
        return problems;
    }

    /** All probes in order, as far as they make sense; says why where nothing can be examined. */
    private Optional<String> walk(List<String> hosts) {
        progress.started(ReachProbe.NAME);
        long start = System.nanoTime();
        ReachProbe.Reach reach;
        try {
            reach = ReachProbe.examine(target, options, transcript);
        } catch (WireException e) {
            record(new Reading.Failed(ReachProbe.NAME, e.kind(), e.line()), start);
            return Optional.of(e.line());
        } catch (IOException e) {
            return Optional.of("the name cannot be resolved");
        }
        record(reach, start);
        if (reach.best().isEmpty()) {
            ReachProbe.Attempt first = reach.attempts().getFirst();
            return Optional.of(first.ip() + " port " + first.address().getPort() + ": "
                    + first.failure().map(WireException::line).orElse("no connection"));
        }
        InetSocketAddress address = reach.best().orElseThrow().address();
        if (target.secure()) {
            Dialer.prepare();
            run(new TlsProbe(), address);
            if (readings.failure(TlsProbe.NAME).isPresent()) {
                tryOtherScheme(address);
                return Optional.empty();
            }
        }
        run(new PageProbe(false), address);
        if (!target.secure() && looksLikeTls() && tryOtherScheme(address)) {
            return Optional.empty();
        }
        for (Probe probe : List.of(new PageProbe(true), new UpgradeProbe())) {
            run(probe, address);
        }
        if (!somethingAnswers()) {
            if (readings.failed(PageProbe.HTTP1, Kind.TIMEOUT)) {
                run(new EventStreamProbe(), address);
            }
            return Optional.empty();
        }
        for (Probe probe : List.of(
                new RepeatProbe(),
                new UpgradeOverHttp2Probe(),
                new ExtendedConnectProbe(),
                new AltSvcProbe(),
                new OriginProbe(),
                new ForwardedProbe(),
                new EventStreamProbe(),
                new CoalescingProbe(hosts),
                new LoadProbe(),
                new IdleProbe())) {
            run(probe, address);
        }
        return Optional.empty();
    }

    private boolean looksLikeTls() {
        return readings.failed(PageProbe.HTTP1, Kind.NOT_PLAIN, Kind.CLOSED, Kind.RESET)
                || readings.find(PageProbe.Http1Page.class)
                        .map(p -> p.page().last())
                        .filter(SchemeProbe::asksForTls)
                        .isPresent();
    }

    private boolean somethingAnswers() {
        return readings.find(PageProbe.Http1Page.class).isPresent()
                || readings.find(PageProbe.Http2Page.class).isPresent()
                || readings.find(UpgradeProbe.Upgrade.class)
                        .filter(u -> u.handshake().answer().isPresent())
                        .isPresent();
    }

    /** Tells of the other scheme only where it is spoken. */
    private boolean tryOtherScheme(InetSocketAddress address) {
        progress.started(SchemeProbe.NAME);
        long start = System.nanoTime();
        Reading reading = within(new SchemeProbe(), address);
        if (reading instanceof SchemeProbe.OtherScheme) {
            record(reading, start);
            return true;
        }
        return false;
    }

    private void run(Probe probe, InetSocketAddress address) {
        progress.started(probe.name());
        long start = System.nanoTime();
        record(within(probe, address), start);
    }

    private void record(Reading reading, long start) {
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        readings = readings.and(reading);
        entries.add(new Report.Entry(reading, took));
        progress.finished(reading, took);
    }

    /** On a thread of its own, whose connections are closed when its time is over. */
    private Reading within(Probe probe, InetSocketAddress address) {
        Duration allowance = probe.allowance(options);
        try (Dialer dialer = new Dialer(address, transcript)) {
            Exam exam = new Exam(target, options, readings, dialer, Deadline.in(allowance));
            FutureTask<Reading> task = new FutureTask<>(() -> probe.examine(exam));
            Thread.ofVirtual().name("doctor-" + probe.name()).start(task);
            return task.get(allowance.plus(GRACE).toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return new Reading.Failed(probe.name(), Kind.TIMEOUT, "not done within " + Exam.millis(allowance));
        } catch (ExecutionException e) {
            return e.getCause() instanceof WireException wire
                    ? new Reading.Failed(probe.name(), wire.kind(), wire.line())
                    : new Reading.Failed(probe.name(), Kind.CLOSED, "this probe itself failed: " + e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Reading.Failed(probe.name(), Kind.TIMEOUT, "interrupted");
        }
    }
}
