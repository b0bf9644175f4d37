package dev.holdfast.resource.file;

import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.FoundFile.Print;
import dev.holdfast.resource.read.GivenFolder;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
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

    private static final WatchEvent.Kind<?>[] ALL = {
        StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY, StandardWatchEventKinds.ENTRY_DELETE
    };
    /** Of a folder beside which ours stands: logs may be written in it, and each of their lines would be an event. */
    private static final WatchEvent.Kind<?>[] COMING_AND_GOING = {
        StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_DELETE
    };

    private final List<Path> paths;
    private final ManifestReader reader = new ManifestReader();
    private final Consumer<ReadResult> sink;
    private final Duration look;
    /** The paths as {@link #absolute} ones: there a file counts whatever it is called. */
    private final Set<Path> given;
    /** By absolute path; a folder that has two names may have one key. */
    private final Map<Path, Watched> watched = new HashMap<>();
    /** Folders of which all manifests are read. */
    private final Set<Path> whole = new HashSet<>();

    private final Thread thread;
    private volatile boolean closed;
    private Map<String, Print> seen;
    private ReadResult last;
    private long lookedAt;
    /** Absolute folders that are watched for the given ones in them, and nothing else. */
    private Set<Path> beside = Set.of();

    /** Reads once, hands that to {@code sink}, and goes on watching on a thread of its own. */
    public FileSource(List<Path> paths, Consumer<ReadResult> sink) {
        this(paths, sink, LOOK);
    }

    /** @param look how often to look at what the kernel may have missed */
    FileSource(List<Path> paths, Consumer<ReadResult> sink, Duration look) {
        this.paths = List.copyOf(paths);
        this.sink = sink;
        this.look = look;
        this.given = paths.stream().map(FileSource::absolute).collect(Collectors.toUnmodifiableSet());
        this.seen = prints();
        this.last = reader.readAgain(this.paths);
        sink.accept(last);
        this.thread = Thread.ofVirtual().name("file-source").start(this::watch);
    }

    private void watch() {
        try (WatchService events = FileSystems.getDefault().newWatchService()) {
            register(events);
            Touched touched = new Touched(Set.of(), false);
            // What has changed before that, no event tells: a look is due at once.
            lookedAt = System.nanoTime() - look.toNanos();
            while (!closed) {
                boolean due = System.nanoTime() - lookedAt >= look.toNanos();
                if (!touched.none() || due) {
                    Map<String, Print> now = due ? prints() : look(seen, touched);
                    if (!now.equals(seen)) {
                        if (touched.none()) {
                            forget(path -> true);
                            register(events);
                        }
                        changed(events, now, !touched.none());
                    }
                }
                touched = touched(events.poll(look.toMillis(), TimeUnit.MILLISECONDS), events);
                if (touched.none()) {
                    // Whatever writes beside the manifests does not wake it for each line.
                    TimeUnit.NANOSECONDS.sleep(STEP.toNanos());
                }
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.atError().setCause(e).log("the manifests are no longer watched; restart to pick changes up");
        }
    }

    /** @param contents whether what is written into the folder's files is told, too */
    private record Watched(WatchKey key, boolean contents) {}

    /**
     * What the kernel says has changed.
     *
     * @param all where only a look at everything tells
     */
    private record Touched(Set<Path> files, boolean all) {
        boolean none() {
            return files.isEmpty() && !all;
        }
    }

    /** Of {@code first} and all that has come by now; folders that have come are watched from here on. */
    private Touched touched(@Nullable WatchKey first, WatchService events) throws IOException {
        Set<Path> files = new HashSet<>();
        boolean all = false;
        boolean foldersMoved = false;
        for (WatchKey key = first; key != null; key = events.poll()) {
            Path folder = (Path) key.watchable();
            boolean aside = beside.contains(absolute(folder));
            for (WatchEvent<?> event : key.pollEvents()) {
                if (!(event.context() instanceof Path name)) {
                    forget(path -> true);
                    foldersMoved = true;
                    continue;
                }
                Path file = folder.resolve(name);
                Path absolute = absolute(file);
                boolean byName = given.contains(absolute);
                if (aside && !byName) {
                    continue;
                }
                if (watched.containsKey(absolute)) {
                    // It may be another one, or its key may be that of one that is called otherwise by now.
                    forget(path -> path.startsWith(absolute));
                    foldersMoved = true;
                } else if (byName) {
                    all = true;
                } else if (ManifestReader.isManifest(name.toString())) {
                    if (whole.contains(folder)) {
                        files.add(file);
                    } else {
                        all = true;
                    }
                }
                // A link may have been swapped; of other files nothing is to be seen.
                all |= name.toString().startsWith(".");
                foldersMoved |= Files.isDirectory(file);
            }
            if (!key.reset()) {
                watched.values().removeIf(other -> !other.key.isValid());
                foldersMoved = true;
            }
        }
        if (foldersMoved) {
            register(events);
        }
        return new Touched(files, all || foldersMoved);
    }

    /** What is there under these paths is to be watched anew. */
    private void forget(Predicate<Path> which) {
        watched.forEach((path, one) -> {
            if (which.test(path)) {
                one.key.cancel();
            }
        });
        watched.values().removeIf(one -> !one.key.isValid());
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException goneMeanwhile) {
            return absolute(path);
        }
    }

    /** How the files look now, where they looked as in {@code from} but for what was touched. */
    private Map<String, Print> look(Map<String, Print> from, Touched touched) {
        if (touched.all) {
            return prints();
        }
        Map<String, Print> out = new HashMap<>(from);
        for (Path file : touched.files) {
            out.remove(file.toString());
            try {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                if (attributes.isRegularFile()) {
                    out.put(file.toString(), Print.of(attributes));
                }
            } catch (IOException gone) {
                // That is how it looks.
            }
        }
        return out;
    }

    /** @param told whether the kernel tells of changes here */
    private void changed(WatchService events, Map<String, Print> found, boolean told)
            throws InterruptedException, IOException {
        long deadline = System.nanoTime() + AT_MOST.toNanos();
        Map<String, Print> before = seen;
        Map<String, Print> now = quiet(events, QUIET, found, told, deadline);
        ReadResult read = reader.readAgain(paths);
        while (!closed && suspicious(before, now, read) && System.nanoTime() < deadline) {
            Map<String, Print> later = quiet(events, GRACE, now, told, deadline);
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
    private Map<String, Print> quiet(
            WatchService events, Duration time, Map<String, Print> from, boolean told, long deadline)
            throws InterruptedException, IOException {
        Map<String, Print> now = from;
        long since = System.nanoTime();
        while (!closed && System.nanoTime() - since < time.toNanos() && System.nanoTime() < deadline) {
            TimeUnit.NANOSECONDS.sleep(STEP.toNanos());
            Touched touched = touched(events.poll(), events);
            if (touched.none() && told) {
                continue;
            }
            Map<String, Print> look = touched.none() ? prints() : look(now, touched);
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
            return e.getValue().size() == 0 || (old != null && e.getValue().size() < old.size());
        });
        return shrunken || isLess(now.keySet(), read.resources());
    }

    /** Whether a resource is missing whose file is still there. */
    private boolean isLess(Set<String> files, ResourceSet read) {
        ResourceSet was = last.resources();
        return read.othersThan(was)
                .map(others -> others.stream().flatMap(r -> was.find(r.kind(), r.namespace(), r.name()).stream()))
                .orElseGet(() -> was.resources().stream())
                .anyMatch(resource -> files.contains(resource.root().position().file())
                        && read.find(
                                        resource.ref().kind(),
                                        resource.ref().namespace(),
                                        resource.ref().name())
                                .isEmpty());
    }

    private Map<String, Print> prints() {
        lookedAt = System.nanoTime();
        Map<String, Print> out = new HashMap<>();
        for (Path path : paths) {
            try {
                ManifestReader.found(List.of(path))
                        .forEach(file -> out.put(file.path().toString(), file.print()));
            } catch (IOException | UncheckedIOException goneMeanwhile) {
                out.put(path + " (unreadable)", new Print(0, 0, ""));
            }
        }
        return out;
    }

    /** Folders, those below them, and what the given paths stand in: new ones each time. */
    private void register(WatchService events) throws IOException {
        Set<Path> asWell = new HashSet<>();
        Set<Path> parents = new HashSet<>();
        for (Path path : paths) {
            Path parent = path.toAbsolutePath().getParent();
            if (Files.isDirectory(path)) {
                GivenFolder.walk(path, new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
                            throws IOException {
                        register(events, folder, true);
                        asWell.add(absolute(folder));
                        boolean hidden = StreamSupport.stream(
                                        path.relativize(folder).spliterator(), false)
                                .anyMatch(name -> name.toString().startsWith("."));
                        if (!hidden) {
                            whole.add(folder);
                        }
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFileFailed(Path file, IOException goneMeanwhile) {
                        return FileVisitResult.CONTINUE;
                    }
                });
            } else if (parent != null) {
                asWell.add(absolute(parent));
            }
            if (parent != null && Files.isDirectory(parent)) {
                parents.add(parent);
            }
        }
        // A folder that has two names has one watch: what is asked for last would be all that is told.
        Set<Path> real = asWell.stream().map(FileSource::real).collect(Collectors.toSet());
        for (Path parent : parents) {
            register(events, parent, real.contains(real(parent)));
        }
        beside = parents.stream()
                .map(FileSource::absolute)
                .filter(parent -> !asWell.contains(parent))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** @param contents whether what is written into its files is to be told, too */
    private void register(WatchService events, Path folder, boolean contents) throws IOException {
        Path absolute = absolute(folder);
        Watched known = watched.get(absolute);
        if (known != null && (known.contents || !contents)) {
            return;
        }
        try {
            WatchKey key = folder.register(events, contents ? ALL : COMING_AND_GOING);
            watched.put(absolute, new Watched(key, contents));
        } catch (FileSystemException goneOrForbidden) {
            // What is there is left to the slow look.
        }
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
