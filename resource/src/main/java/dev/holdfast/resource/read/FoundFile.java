package dev.holdfast.resource.read;

import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.TimeUnit;

/** A manifest file that there is, and what it looks like. */
public record FoundFile(Path path, Print print) {
    /** What a file looks like from outside; equal prints of a file are taken for equal contents. */
    public record Print(long size, long modifiedNanos, String key) {
        public static Print of(BasicFileAttributes attributes) {
            return new Print(
                    attributes.size(),
                    attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
                    String.valueOf(attributes.fileKey()));
        }

        /** Whether it was last written so long before {@code nowNanos} that a write since would show. */
        boolean isOlder(long nowNanos) {
            return nowNanos - modifiedNanos > COARSEST_NANOS;
        }
    }

    /** No file system in use tells times apart less finely. */
    private static final long COARSEST_NANOS = TimeUnit.SECONDS.toNanos(3);

    static FoundFile of(Path path, BasicFileAttributes attributes) {
        return new FoundFile(path, Print.of(attributes));
    }
}
