package dev.holdfast.resource.file;

import dev.holdfast.resource.Resource;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Manifests in files and folders, read at once and again after each change. A change is handed on when its files have
 * been quiet for a moment; what looks half-written (broken, shrunken, or without a resource it had) is given longer. The
 * kernel's events wake it; a slow look at sizes and times finds what they miss (network file systems, links).
 */
public final class FileSource implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FileSource.class);
    private static final Duration QUIET = Duration.ofMillis(150);
    /** With {@link #QUIET}, reading and translating it is still within a second of the last write. */
    private static final Duration GRACE = Duration.ofMillis(500);

    /** Files that never come to rest are read as they are after this long. */
    private static final Duration AT_MOST = Duration.ofSeconds(3);

    private static final Duration LOOK = Duration.ofSeconds(2);
    private static final Duration STEP = Duration.ofMillis(25);

    private final List<Path> paths;
    private final ManifestReader reader = new ManifestReader();
    private final Consumer<ReadResult> sink;
    private final Set<Path> watched = new HashSet<>();
    private final Thread thread;
    private volatile boolean closed;
    private Map<String, Print> seen;
    private ReadResult last;

    /** What a file looked like; equal prints are taken for equal contents. */
    private record Print(long size, long modifiedNanos, String key) {}

    /** Reads once, hands that to {@code sink}, and goes on watching on a thread of its own. */
    public FileSource(List<Path> paths, Consumer<ReadResult> sink) {
        this.paths = List.copyOf(paths);
        this.sink = sink;
        this.seen = prints();
        this.last = reader.readAgain(this.paths);
        sink.accept(last);
        this.thread = Thread.ofVirtual().name("file-source").start(this::watch);
    }

    private void watch() {
        try (WatchService events = FileSystems.getDefault().newWatchService()) {
            register(events);
            while (!closed) {
                WatchKey key = events.poll(LOOK.toMillis(), TimeUnit.MILLISECONDS);
                if (key != null) {
                    key.pollEvents();
                    if (!key.reset()) {
                        watched.remove((Path) key.watchable());
                    }
                }
                if (!prints().equals(seen)) {
                    changed();
                    register(events);
                }
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.atError().setCause(e).log("the manifests are no longer watched; restart to pick changes up");
        }
    }

    private void changed() throws InterruptedException {
        long deadline = System.nanoTime() + AT_MOST.toNanos();
        Map<String, Print> before = seen;
        Map<String, Print> now = quiet(QUIET, prints(), deadline);
        ReadResult read = reader.readAgain(paths);
        while (!closed && suspicious(before, now, read) && System.nanoTime() < deadline) {
            Map<String, Print> later = quiet(GRACE, now, deadline);
            boolean same = later.equals(now);
            now = later;
            read = reader.readAgain(paths);
            if (same) {
                break;
            }
        }
        seen = now;
        last = read;
        if (!closed) {
            sink.accept(read);
        }
    }

    /** Waits until nothing has changed for {@code time}; returns how the files look then. */
    private Map<String, Print> quiet(Duration time, Map<String, Print> from, long deadline)
            throws InterruptedException {
        Map<String, Print> now = from;
        long since = System.nanoTime();
        while (!closed && System.nanoTime() - since < time.toNanos() && System.nanoTime() < deadline) {
            TimeUnit.NANOSECONDS.sleep(STEP.toNanos());
            Map<String, Print> look = prints();
            if (!look.equals(now)) {
                now = look;
                since = System.nanoTime();
            }
        }
        return now;
    }

    private boolean suspicious(Map<String, Print> before, Map<String, Print> now, ReadResult read) {
        if (read.unreadable() || read.hasErrors()) {
            return true;
        }
        boolean shrunken = now.entrySet().stream().anyMatch(e -> {
            Print old = before.get(e.getKey());
            return e.getValue().size == 0 || (old != null && e.getValue().size < old.size);
        });
        return shrunken || !resourcesOf(now.keySet(), read).containsAll(resourcesOf(now.keySet(), last));
    }

    /** The resources of those of {@code files} that are still there. */
    private static Set<String> resourcesOf(Set<String> files, ReadResult read) {
        Set<String> out = new HashSet<>();
        for (Resource resource : read.resources().resources()) {
            if (files.contains(resource.root().position().file())) {
                out.add(resource.toString());
            }
        }
        return out;
    }

    private Map<String, Print> prints() {
        Map<String, Print> out = new TreeMap<>();
        for (Path path : paths) {
            try {
                for (Path file : ManifestReader.files(List.of(path))) {
                    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                    out.put(
                            file.toString(),
                            new Print(
                                    attributes.size(),
                                    attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
                                    String.valueOf(attributes.fileKey())));
                }
            } catch (IOException | UncheckedIOException goneMeanwhile) {
                out.put(path + " (unreadable)", new Print(0, 0, ""));
            }
        }
        return out;
    }

    /** Folders, those below them, and the folders of single files: new ones each time. */
    private void register(WatchService events) throws IOException {
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                Files.walkFileTree(path, new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
                            throws IOException {
                        register(events, folder);
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFileFailed(Path file, IOException goneMeanwhile) {
                        return FileVisitResult.CONTINUE;
                    }
                });
            } else if (path.toAbsolutePath().getParent() != null
                    && Files.isDirectory(path.toAbsolutePath().getParent())) {
                register(events, path.toAbsolutePath().getParent());
            }
        }
    }

    private void register(WatchService events, Path folder) throws IOException {
        if (watched.add(folder)) {
            folder.register(
                    events,
                    StandardWatchEventKinds.ENTRY_CREATE,
                    StandardWatchEventKinds.ENTRY_MODIFY,
                    StandardWatchEventKinds.ENTRY_DELETE);
        }
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
