package dev.holdfast.dataplane.filter.security;

import com.maxmind.db.CHMCache;
import com.maxmind.db.Reader;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A database of addresses in MaxMind's format, whole in memory, so that no event loop waits for a disk. A file that is put in
 * its place is taken within seconds of the next question, away from the loops; one that cannot be read leaves the old one.
 */
final class PlaceFile {
    private static final Logger LOG = LoggerFactory.getLogger(PlaceFile.class);

    /** Between two looks whether the file has changed. */
    private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Path path;
    private final AtomicLong lookedNanos;
    private volatile @Nullable Held held;
    private volatile boolean failed;

    /** What a file held when it was as {@code stamp} says. */
    private record Held(Reader reader, Stamp stamp) {}

    private record Stamp(
            FileTime changed, long size, @Nullable Object key) {
        static Stamp of(Path path) throws IOException {
            BasicFileAttributes of = Files.readAttributes(path, BasicFileAttributes.class);
            return new Stamp(of.lastModifiedTime(), of.size(), of.fileKey());
        }
    }

    /** Reads the file, so not for an event loop. */
    PlaceFile(Path path) {
        this.path = path;
        this.lookedNanos = new AtomicLong(System.nanoTime());
        look();
    }

    /**
     * What is said of an address, nothing where it is not known.
     *
     * @throws IOException where the file could not be read, or is broken there
     */
    Map<?, ?> find(InetAddress address) throws IOException {
        lookAgain();
        Held from = held;
        if (from == null) {
            throw new IOException(path + " could not be read");
        }
        if (address instanceof Inet6Address && from.reader.getMetadata().ipVersion() == 4) {
            // The reader would take its first four octets for an address.
            return Map.of();
        }
        try {
            Map<?, ?> found = from.reader.get(address, Map.class);
            return found == null ? Map.of() : found;
        } catch (RuntimeException broken) {
            throw new IOException(path + " is broken", broken);
        }
    }

    private void lookAgain() {
        long last = lookedNanos.get();
        long now = System.nanoTime();
        if (now - last > PAUSE_NANOS && lookedNanos.compareAndSet(last, now)) {
            Thread.ofVirtual().name("places").start(this::look);
        }
    }

    private void look() {
        try {
            Stamp stamp = Stamp.of(path);
            Held old = held;
            if (old == null || !old.stamp.equals(stamp)) {
                held = new Held(new Reader(path.toFile(), Reader.FileMode.MEMORY, new CHMCache()), stamp);
            }
            failed = false;
        } catch (IOException | RuntimeException e) {
            if (!failed) {
                failed = true;
                LOG.warn("the database {} cannot be read: {}", path, e.toString());
            }
        }
    }
}
