package dev.holdfast.app.run;

import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import dev.holdfast.xds.EnvoyProcess;
import dev.holdfast.xds.XdsPlane;
import dev.holdfast.xds.server.MutualTls;
import dev.holdfast.xds.server.RenewedTls;
import dev.holdfast.xds.server.XdsTls;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.PrintStream;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Envoys elsewhere, driven by xDS; one on this machine too, where that is asked for. */
final class EnvoyPlane implements Plane {
    private static final Logger ENVOY = LoggerFactory.getLogger("envoy");

    private final EnvoySettings settings;
    private final MeterRegistry metrics;
    private final Optional<PrintStream> accessLog;
    private final RenewedTls renewed = new RenewedTls();
    private @Nullable XdsPlane xds;
    private Map<Integer, String> fleets = Map.of();
    private @Nullable EnvoyProcess local;

    EnvoyPlane(EnvoySettings settings, MeterRegistry metrics, Optional<PrintStream> accessLog) {
        this.settings = settings;
        this.metrics = metrics;
        this.accessLog = accessLog;
    }

    @Override
    public void start() throws IOException {
        Optional<? extends XdsTls> tls =
                settings.fleets() ? Optional.of(renewed) : settings.tls().map(MutualTls::in);
        xds = new XdsPlane(settings.xds(), tls, metrics);
    }

    private XdsPlane xds() {
        if (xds == null) {
            throw new IllegalStateException("not started");
        }
        return xds;
    }

    /** The local Envoy comes with the first plan, so that a wrong one leaves nothing running. */
    @Override
    public Applied apply(Plan plan) {
        Applied applied = settings.fleets() ? xds().apply(plan, fleets) : xds().apply(plan);
        if (local == null && settings.spawn().isPresent()) {
            try {
                local = new EnvoyProcess(
                        settings.spawn().orElseThrow(), "local", "holdfast", xds().port(), access(), ENVOY::warn);
            } catch (IOException e) {
                throw new java.io.UncheckedIOException("Envoy cannot be started: " + e.getMessage(), e);
            }
        }
        return applied;
    }

    /** From the next plan on: the ports of each fleet. */
    @Override
    public void divide(Map<Integer, String> byPort) {
        fleets = Map.copyOf(byPort);
    }

    /** What the xDS port shows from now on; what is no certificate is told and changes nothing. */
    void show(String authorities, String certificate, String key) {
        try {
            renewed.use(authorities, certificate, key);
        } catch (GeneralSecurityException | IOException unusable) {
            LoggerFactory.getLogger(EnvoyPlane.class)
                    .atError()
                    .log("the Secret of the xDS port holds no certificate that can be used; the last one is shown");
        }
    }

    private Consumer<String> access() {
        return line -> accessLog.ifPresent(out -> {
            out.println(line);
            out.flush();
        });
    }

    @Override
    public List<Problem> foresee(Plan next) {
        return xds().foresee(next);
    }

    @Override
    public List<Problem> problems() {
        return xds().problems();
    }

    /** Envoy says how many streams it has, not which. */
    @Override
    public Streams streams() {
        return new Streams() {
            @Override
            public List<StreamView> list() {
                return List.of();
            }

            @Override
            public int size() {
                return 0;
            }

            @Override
            public boolean close(String id) {
                return false;
            }

            @Override
            public int closeRoute(String route) {
                return 0;
            }
        };
    }

    @Override
    public List<? extends Record> envoys() {
        return xds == null ? List.of() : xds.nodes();
    }

    @Override
    public List<String> addresses(Plan plan) {
        List<String> out = new ArrayList<>();
        out.add("xds " + settings.xds().getHostString() + ":" + xds().port()
                + (settings.fleets()
                        ? "  for the Envoys of each Gateway"
                        : "  for Envoys that start with: holdfast envoy-bootstrap"));
        EnvoyProcess running = local;
        if (running != null) {
            out.add("an Envoy of its own, " + (running.taken() ? "taken over" : "started") + " with process id "
                    + running.pid() + ", its admin address http://127.0.0.1:" + running.adminPort() + "/");
        }
        plan.listeners().forEach(l -> out.add("port " + l.bindPort() + " there  listener " + l.name()));
        return out;
    }

    @Override
    public void abandon() {
        EnvoyProcess running = local;
        if (running != null && !settings.leave()) {
            running.kill();
        }
    }

    @Override
    public void drain(Duration time) {
        EnvoyProcess running = local;
        if (running != null && settings.leave()) {
            running.leave();
        } else if (running != null) {
            running.drain(time);
        }
    }

    @Override
    public void close() {
        EnvoyProcess running = local;
        if (running != null && !settings.leave()) {
            running.close();
        }
        if (xds != null) {
            xds.close();
        }
    }
}
