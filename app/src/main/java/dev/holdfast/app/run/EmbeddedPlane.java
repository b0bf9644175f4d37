package dev.holdfast.app.run;

import dev.holdfast.app.collect.Collectors;
import dev.holdfast.dataplane.DataPlane;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Netty in this process. */
final class EmbeddedPlane implements Plane {
    private final AccessLog log;
    private final DataPlane plane;

    EmbeddedPlane(CompositeMeterRegistry metrics, Optional<PrintStream> accessLog, Optional<Telemetry> telemetry) {
        this.log = AccessLog.to(accessLog, telemetry.map(Telemetry::accessLog).orElse(List.of()));
        this.plane = new DataPlane(
                metrics, log, telemetry.map(Telemetry::tracing).orElse(Tracing.OFF), new Collectors(metrics));
    }

    @Override
    public void start() {}

    @Override
    public Applied apply(Plan plan) {
        return plane.apply(plan);
    }

    /** One process carries the traffic of all. */
    @Override
    public void divide(Map<Integer, String> byPort) {}

    @Override
    public List<Problem> foresee(Plan next) {
        return List.of();
    }

    @Override
    public List<Problem> problems() {
        return List.of();
    }

    @Override
    public Streams streams() {
        return plane;
    }

    @Override
    public List<? extends Record> envoys() {
        return List.of();
    }

    @Override
    public List<String> addresses(Plan plan) {
        return Stream.concat(
                        plan.listeners().stream().map(l -> url(l) + "  listener " + l.name()),
                        plan.l4().stream()
                                .map(l -> l.kind() + "://" + l.hostname().orElse("*") + ":" + l.bindPort()
                                        + "  listener " + l.name()))
                .toList();
    }

    private static String url(Listener listener) {
        return (listener.tls().isPresent() ? "https" : "http") + "://"
                + listener.hostname().orElse("*") + ":" + listener.bindPort();
    }

    @Override
    public void abandon() {}

    @Override
    public void drain(Duration time) {
        plane.drain(time);
    }

    @Override
    public void close() {
        plane.close();
        log.close();
    }
}
