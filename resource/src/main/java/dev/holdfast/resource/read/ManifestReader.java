package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Files and folders of YAML or JSON into a {@link ResourceSet}; every mistake becomes a problem with its place. A file
 * whose bytes are as they were is not read again.
 */
public final class ManifestReader {
    private static final int PARALLEL_FROM = 8;
    private static final long LARGEST = 64L << 20;

    private Map<Path, Kept> kept = Map.of();
    private List<ManifestFile> files = List.of();
    private ReadResult last = joined(files);

    /** @param sure whether its print alone tells that it is as it was */
    private record Kept(FoundFile.Print print, boolean sure, byte[] bytes, ManifestFile file) {}

    /** A reader that remembers the files it has read. */
    public ManifestReader() {}

    public static ReadResult read(List<Path> paths) {
        return new ManifestReader().readAgain(paths);
    }

    public static ReadResult readText(String file, String yaml) {
        return joined(List.of(ManifestFile.of(file, yaml)));
    }

    /**
     * Loads what reading needs (tables of fields, YAML, the language of rules), some 0.4 s of a cold start: to be done
     * beside something else.
     */
    public static void warm() {
        readText("", """
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: warm}
                spec: {gatewayClassName: warm, listeners: [{name: warm, port: 80, protocol: HTTP}]}
                ---
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: warm}
                spec: {parentRefs: [{name: warm}], rules: [{backendRefs: [{name: warm, port: 80}]}]}
                """);
    }

    /** Objects of a cluster, as trees that stand in no file. */
    public static ReadResult readTrees(Collection<Node.Mapping> trees) {
        return joined(List.of(ManifestFile.of(trees)));
    }

    /** Reads {@code paths}; what has not changed since the last time is taken from there. Not for two threads at once. */
    public ReadResult readAgain(List<Path> paths) {
        List<ManifestFile> read = new ArrayList<>();
        Map<Path, Kept> next = new ConcurrentHashMap<>();
        for (Path path : paths) {
            read.addAll(path(path, next));
        }
        kept = next;
        last = joined(read, files, last);
        files = read;
        return last;
    }

    private List<ManifestFile> path(Path path, Map<Path, Kept> next) {
        if (!Files.exists(path)) {
            return List.of(
                    ManifestFile.unreadable(path, "there is no such file or folder", "Check the path given with -f."));
        }
        try {
            List<FoundFile> found = found(List.of(path));
            if (found.isEmpty()) {
                return List.of(ManifestFile.unreadable(
                        path, "the folder holds no .yaml, .yml or .json file", "Put manifests into it."));
            }
            List<FoundFile> anew = new ArrayList<>();
            for (FoundFile file : found) {
                Kept known = kept.get(file.path());
                if (known != null && known.sure && known.print.equals(file.print())) {
                    next.put(file.path(), known);
                } else {
                    anew.add(file);
                }
            }
            Map<Path, ManifestFile> wrong = new ConcurrentHashMap<>();
            (anew.size() < PARALLEL_FROM ? anew.stream() : anew.parallelStream())
                    .forEach(file -> read(file, next, wrong));
            return found.stream()
                    .map(file -> {
                        Kept known = next.get(file.path());
                        return known != null ? known.file : Objects.requireNonNull(wrong.get(file.path()));
                    })
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(ManifestFile.unreadable(path, "it cannot be read", "Check its permissions."));
        }
    }

    /** Into {@code next}, or where it cannot be read into {@code wrong}. */
    private void read(FoundFile found, Map<Path, Kept> next, Map<Path, ManifestFile> wrong) {
        Path path = found.path();
        try {
            if (Files.size(path) > LARGEST) {
                wrong.put(path, ManifestFile.unreadable(path, "it is larger than 64 MiB", "Split it."));
                return;
            }
            boolean sure = found.print().isOlder(TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()));
            byte[] bytes = Files.readAllBytes(path);
            Kept known = kept.get(path);
            ManifestFile file;
            if (known == null) {
                file = decoded(path, bytes);
            } else {
                file = Arrays.equals(known.bytes, bytes)
                        ? known.file
                        : decoded(path, bytes).after(known.file);
            }
            next.put(path, new Kept(found.print(), sure, bytes, file));
        } catch (IOException e) {
            wrong.put(path, ManifestFile.unreadable(path, "it cannot be read", "Check its permissions."));
        }
    }

    private static ManifestFile decoded(Path path, byte[] bytes) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return ManifestFile.of(path.toString(), text.startsWith("\uFEFF") ? text.substring(1) : text);
        } catch (CharacterCodingException e) {
            return ManifestFile.unreadable(path, "it is not UTF-8 text", "Save it as UTF-8.");
        }
    }

    /**
     * What {@link #joined(List)} gives for {@code files}, sooner where most of them are the very ones of before, as it is for
     * watched folders.
     */
    private static ReadResult joined(List<ManifestFile> files, List<ManifestFile> before, ReadResult last) {
        int most = Math.min(files.size(), before.size());
        int first = 0;
        while (first < most && files.get(first) == before.get(first)) {
            first++;
        }
        int end = 0;
        while (end < most - first && files.get(files.size() - 1 - end) == before.get(before.size() - 1 - end)) {
            end++;
        }
        List<ManifestFile> then = before.subList(first, before.size() - end);
        List<ManifestFile> now = files.subList(first, files.size() - end);
        if (then.isEmpty() && now.isEmpty()) {
            return last;
        }
        boolean twice = now.stream().mapToLong(file -> file.resources().count()).sum()
                != now.stream()
                        .flatMap(ManifestFile::resources)
                        .map(Resource::ref)
                        .distinct()
                        .count();
        Set<Resource> gone = all(then);
        Set<Resource> come = all(now);
        Set<Resource> stays = all(now);
        stays.retainAll(gone);
        gone.removeAll(stays);
        come.removeAll(stays);
        Set<ResourceRef> left = gone.stream().map(Resource::ref).collect(Collectors.toSet());
        twice |= come.stream()
                .map(Resource::ref)
                .anyMatch(r -> !left.contains(r)
                        && last.resources()
                                .find(r.kind(), r.namespace(), r.name())
                                .isPresent());
        if (twice
                || now.size() == files.size()
                || last.problems().stream().anyMatch(p -> p.code() == ProblemCode.DUPLICATE)) {
            return joined(files);
        }
        List<Problem> problems = new ArrayList<>();
        List<Resource> ruled = new ArrayList<>();
        boolean unreadable = false;
        for (ManifestFile file : files) {
            problems.addAll(file.told());
            ruled.addAll(file.ruled());
            unreadable |= file.unreadable();
        }
        Rules.check(ruled, problems);
        return new ReadResult(last.resources().with(gone, come, problems), problems, unreadable);
    }

    private static Set<Resource> all(List<ManifestFile> files) {
        Set<Resource> out = Collections.newSetFromMap(new IdentityHashMap<>());
        files.forEach(file -> file.resources().forEach(out::add));
        return out;
    }

    /** In the order of the files; a resource that stands twice counts where it stands first. */
    private static ReadResult joined(List<ManifestFile> files) {
        List<Problem> problems = new ArrayList<>();
        List<Resource> resources = new ArrayList<>();
        Map<ResourceRef, SourcePosition> seen = new HashMap<>();
        for (ManifestFile file : files) {
            problems.addAll(file.problems());
            for (ManifestFile.Document document : file.documents()) {
                if (document.resource().isEmpty()) {
                    problems.addAll(document.problems());
                    continue;
                }
                Resource resource = document.resource().get();
                SourcePosition position = resource.root().position();
                SourcePosition before = seen.putIfAbsent(resource.ref(), position);
                if (before == null) {
                    resources.add(resource);
                    problems.addAll(document.problems());
                } else {
                    problems.add(Problem.of(
                            ProblemCode.DUPLICATE,
                            Severity.ERROR,
                            position.known(),
                            resource.ref() + " stands already at " + before,
                            "Rename or remove one."));
                }
            }
        }
        Rules.check(resources, problems);
        return new ReadResult(
                new ResourceSet(resources, problems), problems, files.stream().anyMatch(ManifestFile::unreadable));
    }

    /**
     * The manifest files of {@code paths}, folders walked, in a fixed order. Hidden files and folders are left out, among
     * them the {@code ..data} folders of a mounted ConfigMap, whose files show as links beside them. A file costs one look, a link
     * a second.
     */
    public static List<FoundFile> found(List<Path> paths) throws IOException {
        List<FoundFile> out = new ArrayList<>();
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                List<FoundFile> below = new ArrayList<>();
                GivenFolder.walk(path, new Walk(path, below));
                below.sort(Comparator.comparing(FoundFile::path));
                out.addAll(below);
            } else {
                out.add(FoundFile.of(path, Files.readAttributes(path, BasicFileAttributes.class)));
            }
        }
        return out;
    }

    /** Whether a file that is called so is taken for one. */
    public static boolean isManifest(String name) {
        return !name.startsWith(".") && (name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json"));
    }

    /** Of one folder. */
    private static final class Walk extends SimpleFileVisitor<Path> {
        private final Path root;
        private final List<FoundFile> out;

        Walk(Path root, List<FoundFile> out) {
            this.root = root;
            this.out = out;
        }

        @Override
        public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            return !folder.equals(root) && name(folder).startsWith(".")
                    ? FileVisitResult.SKIP_SUBTREE
                    : FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            if (isManifest(name(file))) {
                if (attributes.isRegularFile()) {
                    out.add(FoundFile.of(file, attributes));
                } else if (attributes.isSymbolicLink() && Files.isRegularFile(file)) {
                    out.add(FoundFile.of(file, Files.readAttributes(file, BasicFileAttributes.class)));
                }
            }
            return FileVisitResult.CONTINUE;
        }

        private static String name(Path path) {
            return Objects.requireNonNullElse(path.getFileName(), path).toString();
        }
    }
}
