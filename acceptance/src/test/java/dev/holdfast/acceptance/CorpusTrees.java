package dev.holdfast.acceptance;

import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The corpus as trees, and trees that are the same but for one entry. */
final class CorpusTrees {
    /** Folder to the resources of its manifests. */
    static final Map<String, List<Node.Mapping>> ALL = new TreeMap<>();

    static {
        try {
            for (Path folder : CorpusTest.cases().toList()) {
                ALL.put(
                        folder.toString(),
                        CorpusTest.read(folder).resources().resources().stream()
                                .map(Resource::root)
                                .toList());
            }
        } catch (IOException e) {
            throw new IllegalStateException("the corpus cannot be read", e);
        }
    }

    private CorpusTrees() {}

    static Node.Mapping with(Node.Mapping map, String name, Node value) {
        Map<String, Node> entries = new LinkedHashMap<>(map.entries());
        entries.put(name, value);
        return new Node.Mapping(map.position(), entries);
    }

    static Node.Mapping without(Node.Mapping map, String name) {
        Map<String, Node> entries = new LinkedHashMap<>(map.entries());
        entries.remove(name);
        return new Node.Mapping(map.position(), entries);
    }
}
