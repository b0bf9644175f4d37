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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Files and folders of YAML or JSON into a {@link ResourceSet}; every mistake becomes a problem with its place. */
public final class ManifestReader {
    private static final Set<String> CORE =
            Set.of("Service", "EndpointSlice", "Secret", "ConfigMap", "Namespace", "ServiceAccount");
    private static final Set<String> CLUSTER_SCOPED = Set.of("GatewayClass", "Namespace");

    private final List<Problem> problems = new ArrayList<>();
    private final List<Resource> resources = new ArrayList<>();
    private final Map<ResourceRef, SourcePosition> seen = new HashMap<>();
    private boolean unreadable;

    private ManifestReader() {}

    public static ReadResult read(List<Path> paths) {
        ManifestReader reader = new ManifestReader();
        for (Path path : paths) {
            reader.path(path);
        }
        return reader.result();
    }

    public static ReadResult readText(String file, String yaml) {
        ManifestReader reader = new ManifestReader();
        reader.text(file, yaml);
        return reader.result();
    }

    /** Objects of a cluster, as trees that stand in no file. */
    public static ReadResult readTrees(java.util.Collection<Node.Mapping> trees) {
        ManifestReader reader = new ManifestReader();
        trees.forEach(reader::document);
        return reader.result();
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

    private ReadResult result() {
        Rules.check(resources, problems);
        return new ReadResult(new ResourceSet(resources, problems), problems, unreadable);
    }

    private void path(Path path) {
        if (!Files.exists(path)) {
            unreadable(path, "there is no such file or folder", "Check the path given with -f.");
            return;
        }
        try {
            List<Path> files = files(List.of(path));
            if (files.isEmpty()) {
                unreadable(path, "the folder holds no .yaml, .yml or .json file", "Put manifests into it.");
            }
            for (Path file : files) {
                file(file);
            }
        } catch (IOException | UncheckedIOException e) {
            unreadable(path, "it cannot be read", "Check its permissions.");
        }
    }

    private void file(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            text(
                    file.toString(),
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(bytes))
                            .toString());
        } catch (CharacterCodingException e) {
            unreadable(file, "it is not UTF-8 text", "Save it as UTF-8.");
        } catch (IOException e) {
            unreadable(file, "it cannot be read", "Check its permissions.");
        }
    }

    private void unreadable(Path path, String message, String fix) {
        unreadable = true;
        problems.add(Problem.of(
                ProblemCode.UNREADABLE,
                Severity.ERROR,
                Optional.of(new SourcePosition(path.toString(), 1, 1)),
                message,
                fix));
    }

    private void text(String file, String text) {
        for (Node document : YamlTree.parse(file, text, problems)) {
            document(document);
        }
    }

    private void document(Node node) {
        if (node instanceof Node.Scalar s && s.type() == Node.Type.NULL) {
            return;
        }
        if (!(node instanceof Node.Mapping map)) {
            problem(node, ProblemCode.WRONG_TYPE, "a manifest is a mapping with apiVersion and kind", "Write one.");
            return;
        }
        String kind = scalar(map, "kind");
        String apiVersion = scalar(map, "apiVersion");
        if (kind.isEmpty() || apiVersion.isEmpty()) {
            problem(node, ProblemCode.REQUIRED, "apiVersion and kind are required", "Add both.");
            return;
        }
        if (kind.equals("List") && map.entries().get("items") instanceof Node.Sequence items) {
            items.items().forEach(this::document);
            return;
        }
        Schema schema = Schema.get();
        if (!schema.knows(kind) && !CORE.contains(kind)) {
            problems.add(Problem.of(
                    ProblemCode.UNKNOWN_KIND,
                    Severity.INFO,
                    node.position().known(),
                    "the kind " + kind + " (" + apiVersion + ") is not one we read; it is left alone",
                    ""));
            return;
        }
        Node metadata = map.entries().get("metadata");
        String name = metadata instanceof Node.Mapping m ? scalar(m, "name") : "";
        if (name.isEmpty()) {
            problem(node, ProblemCode.REQUIRED, "metadata.name is required", "Add it.");
            return;
        }
        String namespace = CLUSTER_SCOPED.contains(kind)
                ? ""
                : metadata instanceof Node.Mapping m && !scalar(m, "namespace").isEmpty()
                        ? scalar(m, "namespace")
                        : "default";
        int slash = apiVersion.indexOf('/');
        ResourceRef ref = new ResourceRef(slash < 0 ? "" : apiVersion.substring(0, slash), kind, namespace, name);
        SourcePosition before = seen.putIfAbsent(ref, node.position());
        if (before != null) {
            problem(node, ProblemCode.DUPLICATE, ref + " stands already at " + before, "Rename or remove one.");
            return;
        }
        if (schema.knows(kind)) {
            schema.check(ref, map, problems);
        }
        resources.add(new Resource(ref, map));
    }

    private void problem(Node node, ProblemCode code, String message, String fix) {
        problems.add(Problem.of(code, Severity.ERROR, node.position().known(), message, fix));
    }

    private static String scalar(Node.Mapping map, String name) {
        return map.entries().get(name) instanceof Node.Scalar s && s.type() != Node.Type.NULL ? s.text() : "";
    }
}
