package dev.holdfast.xds;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/**
 * Where a local Envoy's things are, by the port of the control plane that it asks: its bootstrap, the two pipes it writes
 * to, and which process it is. The next start of ours finds it by them.
 */
final class EnvoyFolder {
    private static final String PID = "pid";
    private static final String STARTED = "started";
    private static final String BINARY = "binary";
    private static final String ADMIN = "admin";

    private final Path folder;
    private final Properties state = new Properties();

    /** @throws IOException where the folder or its pipes cannot be made, or belong to another user */
    EnvoyFolder(int xdsPort) throws IOException {
        Path base = Path.of(System.getProperty("java.io.tmpdir"), "holdfast-" + System.getProperty("user.name"));
        this.folder = base.resolve("envoy-" + xdsPort);
        for (Path each : List.of(base, folder)) {
            if (!Files.isDirectory(each, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(
                        each, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
            if (!Files.getOwner(each).getName().equals(System.getProperty("user.name"))) {
                throw new IOException(each + " belongs to another user");
            }
        }
        if (Files.exists(folder.resolve("state"))) {
            try (var in = Files.newInputStream(folder.resolve("state"))) {
                state.load(in);
            }
        }
        for (Path pipe : List.of(access(), log())) {
            if (!Files.exists(pipe)) {
                makePipe(pipe);
            }
        }
        if (adminPort() == 0) {
            try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                state.setProperty(ADMIN, Integer.toString(socket.getLocalPort()));
            }
        }
    }

    private static void makePipe(Path pipe) throws IOException {
        try {
            int code = new ProcessBuilder("mkfifo", "-m", "600", pipe.toString())
                    .redirectErrorStream(true)
                    .start()
                    .waitFor();
            if (code != 0) {
                throw new IOException("the pipe " + pipe + " cannot be made");
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException(stop);
        }
    }

    /** The pipe for the access log. */
    Path access() {
        return folder.resolve("access");
    }

    /** The pipe for Envoy's own log. */
    Path log() {
        return folder.resolve("log");
    }

    Path bootstrap() {
        return folder.resolve("bootstrap.yaml");
    }

    /** Envoy's admin address on loopback, the same for as long as the folder is there. */
    int adminPort() {
        return Integer.parseInt(state.getProperty(ADMIN, "0"));
    }

    /** Writes the bootstrap; false where another one was there. */
    boolean keeps(String text) throws IOException {
        boolean same =
                Files.exists(bootstrap()) && Files.readString(bootstrap()).equals(text);
        if (!same) {
            Files.writeString(bootstrap(), text);
        }
        return same;
    }

    /** The process that was noted, if it is that very one and runs {@code binary}. */
    Optional<ProcessHandle> running(Path binary) {
        return noted().filter(p -> binary.toString().equals(state.getProperty(BINARY)));
    }

    /** The process that was noted, if it runs yet. A process id alone may be another's by now. */
    Optional<ProcessHandle> noted() {
        String pid = state.getProperty(PID, "");
        return pid.isEmpty()
                ? Optional.empty()
                : ProcessHandle.of(Long.parseLong(pid))
                        .filter(ProcessHandle::isAlive)
                        .filter(p -> started(p).equals(state.getProperty(STARTED)));
    }

    void note(ProcessHandle process, Path binary) throws IOException {
        state.setProperty(PID, Long.toString(process.pid()));
        state.setProperty(STARTED, started(process));
        state.setProperty(BINARY, binary.toString());
        try (var out = Files.newOutputStream(folder.resolve("state"))) {
            state.store(out, null);
        }
    }

    private static String started(ProcessHandle process) {
        return process.info().startInstant().map(Instant::toString).orElse("");
    }

    void remove() throws IOException {
        for (String name : List.of("access", "log", "bootstrap.yaml", "state")) {
            Files.deleteIfExists(folder.resolve(name));
        }
        Files.deleteIfExists(folder);
    }
}
