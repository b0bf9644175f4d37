package dev.holdfast.resource.edit;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.ResourceRef;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * Changes a manifest's text by position: nothing but the place that is changed is touched. A file is taken document by
 * document, so that many changes in a file of many documents cost no more than as many small files would. Not for two
 * threads at once.
 */
public final class ManifestEditor {
    private static final int LARGEST = 64 * 1024 * 1024;

    private final List<String> documents;
    private final int[] linesBefore;
    private final Map<String, List<Integer>> places = new HashMap<>();

    /**
     * One document changed.
     *
     * @param before its whole text, and {@code after} what stands in its place
     */
    public record Edit(int document, String before, String after) {}

    public ManifestEditor(String text) {
        documents = Documents.of(text);
        linesBefore = new int[documents.size() + 1];
        for (int i = 0; i < documents.size(); i++) {
            linesBefore[i + 1] = linesBefore[i] + (int) documents.get(i).lines().count();
            for (Node root : composed(documents.get(i))) {
                place(root, i);
            }
        }
    }

    /** What {@code changes} make of {@code resource}; empty where one of them has no place. Changes nothing yet. */
    public Optional<Edit> edit(ResourceRef resource, List<Change> changes) {
        for (int document : places.getOrDefault(key(resource.kind(), resource.name()), List.of())) {
            String before = documents.get(document);
            if (holds(before, resource)) {
                return changed(before, resource, changes).map(after -> new Edit(document, before, after));
            }
        }
        return Optional.empty();
    }

    /** Makes an edit of this very editor. */
    public void make(Edit edit) {
        documents.set(edit.document, edit.after);
    }

    /** The text as it is with the edits that were made. */
    public String text() {
        return String.join("", documents);
    }

    /** How many lines stood before a document in the text as it was given. */
    public int linesBefore(int document) {
        return linesBefore[document];
    }

    private void place(Node root, int document) {
        if (!(root instanceof MappingNode map)) {
            return;
        }
        if (scalar(map, "kind").equals("List") && value(map, "items").orElse(map) instanceof SequenceNode items) {
            items.getValue().forEach(item -> place(item, document));
            return;
        }
        if (value(map, "metadata").orElse(map) instanceof MappingNode metadata) {
            places.computeIfAbsent(key(scalar(map, "kind"), scalar(metadata, "name")), k -> new ArrayList<>())
                    .add(document);
        }
    }

    private static String key(String kind, String name) {
        return kind + "\n" + name;
    }

    private static boolean holds(String document, ResourceRef resource) {
        return composed(document).stream().anyMatch(root -> find(root, resource).isPresent());
    }

    private static Optional<String> changed(String document, ResourceRef resource, List<Change> changes) {
        String now = document;
        for (Change change : changes) {
            String text = now;
            Optional<String> next = composed(text).stream()
                    .flatMap(root -> find(root, resource).stream())
                    .findFirst()
                    .flatMap(root -> apply(new Text(text), root, change));
            if (next.isEmpty()) {
                return Optional.empty();
            }
            now = next.get();
        }
        return now.equals(document) ? Optional.empty() : Optional.of(now);
    }

    /** None where it cannot be read. */
    private static List<Node> composed(String document) {
        LoadSettings settings = LoadSettings.builder()
                .setCodePointLimit(LARGEST)
                .setBufferSize(Math.max(1024, document.length()))
                .build();
        List<Node> roots = new ArrayList<>();
        try {
            new Compose(settings).composeAllFromString(document).forEach(roots::add);
        } catch (YamlEngineException | StackOverflowError notToBeRead) {
            return List.of();
        }
        return roots;
    }

    private static Optional<MappingNode> find(Node document, ResourceRef resource) {
        if (!(document instanceof MappingNode map)) {
            return Optional.empty();
        }
        Optional<Node> items = value(map, "items");
        if (scalar(map, "kind").equals("List") && items.isPresent() && items.get() instanceof SequenceNode list) {
            return list.getValue().stream()
                    .flatMap(i -> find(i, resource).stream())
                    .findFirst();
        }
        if (!scalar(map, "kind").equals(resource.kind())
                || !(value(map, "metadata").orElse(map) instanceof MappingNode metadata)) {
            return Optional.empty();
        }
        String namespace = scalar(metadata, "namespace");
        boolean same = scalar(metadata, "name").equals(resource.name())
                && (resource.namespace().isEmpty()
                        || resource.namespace().equals(namespace.isEmpty() ? "default" : namespace));
        return same ? Optional.of(map) : Optional.empty();
    }

    private static Optional<Node> value(MappingNode map, String key) {
        return tuple(map, key).map(NodeTuple::getValueNode);
    }

    private static String scalar(MappingNode map, String key) {
        return value(map, key)
                .map(v -> v instanceof ScalarNode s ? s.getValue() : "")
                .orElse("");
    }

    private static Optional<NodeTuple> tuple(MappingNode map, String key) {
        return map.getValue().stream()
                .filter(t ->
                        t.getKeyNode() instanceof ScalarNode k && k.getValue().equals(key))
                .findFirst();
    }

    private static Optional<String> apply(Text text, MappingNode root, Change change) {
        return switch (change) {
            case Change.Add add ->
                at(root, add.path())
                        .flatMap(n -> n instanceof MappingNode m ? text.add(m, add.yaml()) : Optional.empty());
            case Change.Rename rename ->
                parent(root, rename.path())
                        .flatMap(p -> tuple(p, last(rename.path())))
                        .map(t -> text.replace(t.getKeyNode(), rename.name()));
            case Change.Replace replace -> at(root, replace.path()).map(n -> text.replace(n, replace.yaml()));
            case Change.Enlist enlist -> at(root, enlist.path()).map(text::enlist);
            case Change.Remove remove -> {
                String path = whole(root, remove.path());
                yield parent(root, path).flatMap(p -> tuple(p, last(path)).flatMap(t -> text.remove(p, t)));
            }
        };
    }

    /** What holds nothing but the entry goes with it. */
    private static String whole(MappingNode root, String path) {
        int dot = path.lastIndexOf('.');
        String above = dot < 0 ? "" : path.substring(0, dot);
        boolean alone = above.contains(".")
                && !above.endsWith("]")
                && parent(root, path).map(p -> p.getValue().size() == 1).orElse(false);
        return alone ? whole(root, above) : path;
    }

    private static String last(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    private static Optional<MappingNode> parent(MappingNode root, String path) {
        int dot = path.lastIndexOf('.');
        return dot < 0
                ? Optional.of(root)
                : at(root, path.substring(0, dot))
                        .flatMap(n -> n instanceof MappingNode m ? Optional.of(m) : Optional.empty());
    }

    private static Optional<Node> at(MappingNode root, String path) {
        Node here = root;
        for (String step : path.isEmpty() ? new String[0] : path.split("\\.")) {
            int bracket = step.indexOf('[');
            String name = bracket < 0 ? step : step.substring(0, bracket);
            Optional<Node> next = here instanceof MappingNode m ? value(m, name) : Optional.empty();
            if (next.isEmpty()) {
                return Optional.empty();
            }
            here = next.get();
            while (bracket >= 0) {
                int end = step.indexOf(']', bracket);
                int index = Integer.parseInt(step.substring(bracket + 1, end));
                if (!(here instanceof SequenceNode list)
                        || index >= list.getValue().size()) {
                    return Optional.empty();
                }
                here = list.getValue().get(index);
                bracket = step.indexOf('[', end);
            }
        }
        return Optional.of(here);
    }
}
