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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Files and folders of YAML or JSON into a {@link ResourceSet}; every mistake becomes a problem with its place. A file
 * whose bytes are as they were is not read again.
 */
public final class ManifestReader {
    private static final int PARALLEL_FROM = 8;
    private static final long LARGEST = 64L << 20;

    private Map<String, Kept> kept = Map.of();

    private record Kept(byte[] bytes, ManifestFile file) {}

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
        Map<String, Kept> next = new ConcurrentHashMap<>();
        for (Path path : paths) {
            read.addAll(path(path, next));
        }
        kept = next;
        return joined(read);
    }

    private List<ManifestFile> path(Path path, Map<String, Kept> next) {
        if (!Files.exists(path)) {
            return List.of(
                    ManifestFile.unreadable(path, "there is no such file or folder", "Check the path given with -f."));
        }
        try {
            List<Path> files = files(List.of(path));
            if (files.isEmpty()) {
                return List.of(ManifestFile.unreadable(
                        path, "the folder holds no .yaml, .yml or .json file", "Put manifests into it."));
            }
            Stream<Path> each = files.size() < PARALLEL_FROM ? files.stream() : files.parallelStream();
            return each.map(file -> file(file, next)).toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(ManifestFile.unreadable(path, "it cannot be read", "Check its permissions."));
        }
    }

    private ManifestFile file(Path path, Map<String, Kept> next) {
        try {
            if (Files.size(path) > LARGEST) {
                return ManifestFile.unreadable(path, "it is larger than 64 MiB", "Split it.");
            }
            byte[] bytes = Files.readAllBytes(path);
            Kept known = kept.get(path.toString());
            ManifestFile file = known != null && Arrays.equals(known.bytes, bytes) ? known.file : decoded(path, bytes);
            next.put(path.toString(), new Kept(bytes, file));
            return file;
        } catch (IOException e) {
            return ManifestFile.unreadable(path, "it cannot be read", "Check its permissions.");
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
     * them the {@code ..data} folders of a mounted ConfigMap, whose files show as links beside them.
     */
    public static List<Path> files(List<Path> paths) throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path path : paths) {
            if (Files.isDirectory(path)) {
                try (Stream<Path> walk = Files.walk(path)) {
                    walk.filter(Files::isRegularFile)
                            .filter(f -> isManifest(path.relativize(f)))
                            .sorted()
                            .forEach(files::add);
                }
            } else {
                files.add(path);
            }
        }
        return files;
    }

    private static boolean isManifest(Path relative) {
        for (Path part : relative) {
            if (part.toString().startsWith(".")) {
                return false;
            }
        }
        String name = relative.toString();
        return name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json");
    }
}
