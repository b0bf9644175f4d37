package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One file's resources, each checked by itself; the same text always gives the same. */
final class ManifestFile {
    private static final Set<String> CORE =
            Set.of("Service", "EndpointSlice", "Secret", "ConfigMap", "Namespace", "ServiceAccount");
    private static final Set<String> CLUSTER_SCOPED = Set.of("GatewayClass", "Namespace");

    private final List<Problem> problems = new ArrayList<>();
    private final List<Document> documents = new ArrayList<>();
    private final boolean unreadable;
    private @Nullable List<Problem> told;
    private @Nullable List<Resource> ruled;

    /** A resource and what is wrong with it; none where the document is not one we read. */
    record Document(Optional<Resource> resource, List<Problem> problems) {
        Document {
            problems = List.copyOf(problems);
        }

        static Document wrong(Problem problem) {
            return new Document(Optional.empty(), List.of(problem));
        }
    }

    private ManifestFile(boolean unreadable) {
        this.unreadable = unreadable;
    }

    static ManifestFile of(String file, String text) {
        ManifestFile made = new ManifestFile(false);
        YamlTree.parse(file, text, made.problems).forEach(made::add);
        return made;
    }

    static ManifestFile of(Collection<Node.Mapping> trees) {
        ManifestFile made = new ManifestFile(false);
        trees.forEach(made::add);
        return made;
    }

    static ManifestFile unreadable(Path path, String message, String fix) {
        ManifestFile made = new ManifestFile(true);
        made.problems.add(Problem.of(
                ProblemCode.UNREADABLE,
                Severity.ERROR,
                Optional.of(new SourcePosition(path.toString(), 1, 1)),
                message,
                fix));
        return made;
    }

    /** Of the file as a whole. */
    List<Problem> problems() {
        return problems;
    }

    List<Document> documents() {
        return documents;
    }

    boolean unreadable() {
        return unreadable;
    }

    /** Its resources, whether or not they stand elsewhere too. */
    Stream<Resource> resources() {
        return documents.stream().flatMap(document -> document.resource().stream());
    }

    /** What is wrong with it and with all that stands in it; asked for by one thread. */
    List<Problem> told() {
        if (told == null) {
            told = Stream.concat(
                            problems.stream(), documents.stream().flatMap(document -> document.problems().stream()))
                    .toList();
        }
        return told;
    }

    /** Its resources that {@link Rules} has something to say of; asked for by one thread. */
    List<Resource> ruled() {
        if (ruled == null) {
            ruled = resources().filter(Rules::concerns).toList();
        }
        return ruled;
    }

    /** The same, with the very documents of {@code before} where they are as they were. */
    ManifestFile after(ManifestFile before) {
        Map<ResourceRef, Document> known = new HashMap<>();
        before.documents.forEach(d -> d.resource().ifPresent(r -> known.putIfAbsent(r.ref(), d)));
        documents.replaceAll(document -> document.resource()
                .map(r -> known.get(r.ref()))
                .filter(document::equals)
                .orElse(document));
        return this;
    }

    private void add(Node node) {
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
            items.items().forEach(this::add);
            return;
        }
        Schema schema = Schema.get();
        if (!schema.knows(kind) && !CORE.contains(kind)) {
            documents.add(Document.wrong(Problem.of(
                    ProblemCode.UNKNOWN_KIND,
                    Severity.INFO,
                    node.position().known(),
                    "the kind " + kind + " (" + apiVersion + ") is not one we read; it is left alone",
                    "")));
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
        List<Problem> own = new ArrayList<>();
        if (schema.knows(kind)) {
            schema.check(ref, map, own);
        }
        documents.add(new Document(Optional.of(new Resource(ref, map)), own));
    }

    private void problem(Node node, ProblemCode code, String message, String fix) {
        documents.add(
                Document.wrong(Problem.of(code, Severity.ERROR, node.position().known(), message, fix)));
    }

    private static String scalar(Node.Mapping map, String name) {
        return map.entries().get(name) instanceof Node.Scalar s && s.type() != Node.Type.NULL ? s.text() : "";
    }
}
