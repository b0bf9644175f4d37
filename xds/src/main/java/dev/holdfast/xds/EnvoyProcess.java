package dev.holdfast.xds;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An Envoy on this machine: started, or taken over from the control plane before this one; started again when it ends by
 * itself; drained and ended at the end, or left. Its two outputs go to the two sinks line by line.
 */
public final class EnvoyProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EnvoyProcess.class);
    private static final Duration FIRST_WAIT = Duration.ofMillis(200);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final Duration STEADY = Duration.ofSeconds(60);
    private static final Duration CHANGE_DRAIN = Duration.ofMinutes(10);
    private static final Duration END = Duration.ofSeconds(5);

    private final Path binary;
    private final EnvoyFolder folder;
    private final List<Pump> pumps;
    private final Thread supervisor;
    private final boolean taken;
    private volatile boolean ending;
    private volatile ProcessHandle process;
    private volatile int starts;

    /** The {@code envoy} of the PATH, if there is one. */
    public static Optional<Path> onPath() {
        return onPath("envoy");
    }

    private static Optional<Path> onPath(String name) {
        String path = System.getenv("PATH");
        return path == null
                ? Optional.empty()
                : Stream.of(path.split(java.io.File.pathSeparator))
                        .filter(p -> !p.isEmpty())
                        .map(p -> Path.of(p, name))
                        .filter(Files::isExecutable)
                        .findFirst();
    }

    /**
     * An Envoy by {@code binary} against a control plane on this machine: the one that an earlier one left, where it was
     * started the same way.
     *
     * @param access takes the access log, {@code log} Envoy's own
     */
    public EnvoyProcess(
            Path binary, String nodeId, String cluster, int xdsPort, Consumer<String> access, Consumer<String> log)
            throws IOException {
        this.binary = binary.toAbsolutePath().normalize();
        this.folder = new EnvoyFolder(xdsPort);
        boolean same = folder.keeps(
                Bootstrap.yaml(nodeId, cluster, "127.0.0.1", xdsPort, Optional.empty(), folder.adminPort()));
        this.pumps = List.of(new Pump(folder.access(), access), new Pump(folder.log(), log));
        Optional<ProcessHandle> left = same ? folder.running(this.binary) : Optional.empty();
        this.taken = left.isPresent();
        if (!taken) {
            folder.noted().ifPresent(ProcessHandle::destroy);
        }
        this.process = taken ? left.orElseThrow() : start();
        this.supervisor = Thread.ofVirtual().name("envoy").start(this::supervise);
    }

    private ProcessHandle start() throws IOException {
        starts++;
        List<String> line = new ArrayList<>();
        // A session of its own: Ctrl-C in our terminal is for us, who drain it.
        onPath("setsid").ifPresent(s -> line.add(s.toString()));
        line.addAll(List.of(
                binary.toString(),
                "-c",
                folder.bootstrap().toString(),
                "--disable-hot-restart",
                "--drain-time-s",
                Long.toString(CHANGE_DRAIN.toSeconds()),
                "--drain-strategy",
                "gradual",
                "--log-level",
                "warning"));
        ProcessHandle made = new ProcessBuilder(line)
                .redirectInput(new java.io.File("/dev/null"))
                .redirectOutput(folder.access().toFile())
                .redirectError(folder.log().toFile())
                .start()
                .toHandle();
        folder.note(made, binary);
        process = made;
        return made;
    }

    private void supervise() {
        Duration wait = FIRST_WAIT;
        while (true) {
            try {
                long began = System.nanoTime();
                process.onExit().join();
                if (ending) {
                    return;
                }
                if (System.nanoTime() - began > STEADY.toNanos()) {
                    wait = FIRST_WAIT;
                }
                LOG.atError()
                        .addKeyValue("pid", process.pid())
                        .addKeyValue("again_in_ms", wait.toMillis())
                        .log("Envoy has ended by itself");
                Thread.sleep(wait);
                wait = wait.multipliedBy(2).compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait.multipliedBy(2);
                synchronized (this) {
                    if (ending) {
                        return;
                    }
                    start();
                }
            } catch (InterruptedException stop) {
                return;
            } catch (IOException e) {
                LOG.atError().setCause(e).log("Envoy cannot be started again");
                return;
            }
        }
    }

    /** Envoy's admin address on loopback. */
    public int adminPort() {
        return folder.adminPort();
    }

    private EnvoyAdmin admin() {
        return new EnvoyAdmin(adminPort());
    }

    public long pid() {
        return process.pid();
    }

    /** Whether it ran already, left by an earlier control plane. */
    public boolean taken() {
        return taken;
    }

    /** How often it has been started by this control plane. */
    public int starts() {
        return starts;
    }

    /** Whether it has its configuration and serves. */
    public boolean isLive() {
        return admin().isLive();
    }

    /** Takes no new connections, says goodbye to those there are, and ends when all have gone or {@code time} is over. */
    public void drain(Duration time) {
        ending = true;
        admin().drain();
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end && process.isAlive() && admin().isBusy()) {
            try {
                TimeUnit.MILLISECONDS.sleep(100);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        close();
    }

    /** Ends it at once. */
    public void kill() {
        ending = true;
        process.destroyForcibly();
        try {
            folder.remove();
        } catch (IOException left) {
            LOG.atDebug().setCause(left).log("a temporary file stays");
        }
    }

    /** Goes away without it; the next start takes it over. */
    public void leave() {
        end(false);
    }

    @Override
    public void close() {
        end(true);
    }

    private void end(boolean itToo) {
        synchronized (this) {
            if (ending && !process.isAlive() && !supervisor.isAlive()) {
                return;
            }
            ending = true;
        }
        supervisor.interrupt();
        try {
            if (itToo) {
                process.destroy();
                try {
                    process.onExit().get(END.toMillis(), TimeUnit.MILLISECONDS);
                } catch (java.util.concurrent.TimeoutException stuck) {
                    process.destroyForcibly();
                }
            }
            for (Pump pump : pumps) {
                pump.close();
            }
            if (itToo) {
                folder.remove();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (IOException | java.util.concurrent.ExecutionException left) {
            LOG.atDebug().setCause(left).log("a temporary file stays");
        }
    }
}
