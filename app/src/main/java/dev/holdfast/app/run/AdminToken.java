package dev.holdfast.app.run;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;

/**
 * What writes at the admin address need: 256 random bits as text, in a file that nobody else may read. Made anew at each
 * start and removed at the end, unless the operator names a file, which is kept.
 */
public final class AdminToken {
    private static final int LEAST_LENGTH = 16;

    private final String text;
    private final boolean given;
    private Optional<Path> kept = Optional.empty();

    private AdminToken(String text, boolean given) {
        this.text = text;
        this.given = given;
    }

    /** A fresh one. */
    public static AdminToken made() {
        byte[] random = new byte[32];
        new SecureRandom().nextBytes(random);
        return new AdminToken(Base64.getUrlEncoder().withoutPadding().encodeToString(random), false);
    }

    /** The one in {@code file}, which is written where it does not exist. */
    public static AdminToken in(Path file) throws IOException {
        if (!Files.exists(file)) {
            AdminToken fresh = made();
            write(file, fresh.text);
            return new AdminToken(fresh.text, true);
        }
        return new AdminToken(read(file), true);
    }

    /** The token of the gateway of this user whose admin port is {@code port}; empty where there is none. */
    public static Optional<String> ofRunning(int port) throws IOException {
        Path file = stateFile(port);
        return Files.isReadable(file) ? Optional.of(read(file)) : Optional.empty();
    }

    public static String read(Path file) throws IOException {
        String text = Files.readString(file).strip();
        if (text.length() < LEAST_LENGTH || !text.chars().allMatch(c -> c > ' ' && c < 127)) {
            throw new IOException(file + " does not hold a token: at least " + LEAST_LENGTH
                    + " visible ASCII characters on one line");
        }
        return text;
    }

    String text() {
        return text;
    }

    /** Whether the operator named its file. */
    boolean given() {
        return given;
    }

    /** Puts it where {@code streams close} of the same user finds it. */
    void keepFor(int port) throws IOException {
        if (!given) {
            Path file = stateFile(port);
            write(file, text);
            kept = Optional.of(file);
        }
    }

    /** Removes what {@link #keepFor} wrote, unless another gateway has written its own meanwhile. */
    void forget() {
        kept.ifPresent(file -> {
            try {
                if (Files.exists(file) && Files.readString(file).equals(text + "\n")) {
                    Files.delete(file);
                }
            } catch (IOException leftBehind) {
                // It opens nothing once this process has ended.
            }
        });
    }

    /** As the XDG Base Directory Specification has it. */
    private static Path stateFile(int port) {
        String state = System.getenv("XDG_STATE_HOME");
        Path base = state == null || !Path.of(state).isAbsolute()
                ? Path.of(System.getProperty("user.home"), ".local", "state")
                : Path.of(state);
        return base.resolve("holdfast").resolve("admin-" + port + ".token");
    }

    /** Beside and renamed, so that the file never holds half a token nor is readable for a moment. */
    private static void write(Path file, String text) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null) {
            throw new IOException(file + " is not a file");
        }
        boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
        FileAttribute<?>[] ofFolder = posix ? attributes("rwx------") : new FileAttribute<?>[0];
        FileAttribute<?>[] ofFile = posix ? attributes("rw-------") : new FileAttribute<?>[0];
        Files.createDirectories(folder, ofFolder);
        Path beside = Files.createTempFile(folder, ".token", "", ofFile);
        Files.write(beside, (text + "\n").getBytes(StandardCharsets.US_ASCII));
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static FileAttribute<?>[] attributes(String permissions) {
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        };
    }
}
