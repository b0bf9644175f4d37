package dev.holdfast.testkit.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Compares text with a file; {@code -Dgolden.update=true} writes the file instead, which CI refuses. */
public final class Golden {
    private static final boolean UPDATE = Boolean.getBoolean("golden.update");

    private Golden() {}

    /** An empty text has no file. */
    public static void check(Path file, String actual) {
        try {
            if (UPDATE) {
                if (System.getenv("CI") != null) {
                    throw new IllegalStateException("golden.update is not for CI");
                }
                if (actual.isEmpty()) {
                    Files.deleteIfExists(file);
                } else {
                    Files.writeString(file, actual);
                }
                return;
            }
            String expected = Files.exists(file) ? Files.readString(file) : "";
            assertThat(actual)
                    .as("%s (after review, rewrite it with -Dgolden.update=true)", file)
                    .isEqualTo(expected);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
