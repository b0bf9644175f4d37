package dev.holdfast.resource.edit;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;

/** A manifest's text, and how one node of it is changed in place. Marks count code points; the text counts chars. */
record Text(String text) {
    private int index(Optional<Mark> mark) {
        return text.offsetByCodePoints(0, mark.orElseThrow().getIndex());
    }

    String replace(Node node, String by) {
        return text.substring(0, index(node.getStartMark())) + by + text.substring(index(node.getEndMark()));
    }

    /** Before the first entry: {@code tls:} becomes {@code targetRefs: …}, a line break, the same indentation, {@code tls:}. */
    Optional<String> add(MappingNode map, String yaml) {
        List<NodeTuple> entries = map.getValue();
        boolean flow = map.getFlowStyle() == FlowStyle.FLOW;
        if (entries.isEmpty()) {
            return flow ? Optional.of(replace(map, "{" + flow(yaml, false) + "}")) : Optional.empty();
        }
        Node first = entries.getFirst().getKeyNode();
        int at = index(first.getStartMark());
        String before = text.substring(0, at);
        String after = text.substring(at);
        if (flow) {
            return Optional.of(before + flow(yaml, after.startsWith("\"")) + ", " + after);
        }
        String indent = " ".repeat(first.getStartMark().orElseThrow().getColumn());
        String block = yaml.stripTrailing().lines().collect(Collectors.joining("\n" + indent));
        return Optional.of(before + block + "\n" + indent + after);
    }

    /** {@code {a: 1}} becomes {@code [{a: 1}]}; a block has a dash before its first line, and the others two more spaces. */
    String enlist(Node node) {
        int from = index(node.getStartMark());
        if (!(node instanceof MappingNode map) || map.getFlowStyle() == FlowStyle.FLOW) {
            return replace(node, "[" + text.substring(from, index(node.getEndMark())) + "]");
        }
        int last = text.indexOf('\n', lastContent(node));
        int to = last < 0 ? text.length() : last;
        String indented = text.substring(from, to)
                .lines()
                .map(l -> l.isBlank() ? l : "  " + l)
                .collect(Collectors.joining("\n"))
                .substring(2);
        return text.substring(0, from) + "- " + indented + text.substring(to);
    }

    /** {@code a: {b: c}} as it stands within braces. */
    private static String flow(String yaml, boolean json) {
        Object tree = new Load(LoadSettings.builder().build()).loadFromString(yaml);
        String text = new Dump(DumpSettings.builder()
                        .setDefaultFlowStyle(FlowStyle.FLOW)
                        .setDefaultScalarStyle(json ? ScalarStyle.DOUBLE_QUOTED : ScalarStyle.PLAIN)
                        .setWidth(Integer.MAX_VALUE)
                        .build())
                .dumpToString(tree)
                .strip();
        return text.substring(1, text.length() - 1);
    }

    /** Whole lines where the entry has them for itself, else up to the next entry. */
    Optional<String> remove(MappingNode map, NodeTuple entry) {
        int from = index(entry.getKeyNode().getStartMark());
        int line = text.lastIndexOf('\n', from - 1) + 1;
        if (map.getFlowStyle() != FlowStyle.FLOW && text.substring(line, from).isBlank()) {
            int end = text.indexOf('\n', lastContent(entry.getValueNode()));
            return Optional.of(text.substring(0, line) + (end < 0 ? "" : text.substring(end + 1)));
        }
        int which = map.getValue().indexOf(entry);
        if (which + 1 == map.getValue().size()) {
            return Optional.empty();
        }
        int next = index(map.getValue().get(which + 1).getKeyNode().getStartMark());
        return Optional.of(text.substring(0, from) + text.substring(next));
    }

    /** Where the last thing written of a node ends; a block's own end lies past the comments after it. */
    private int lastContent(Node node) {
        return switch (node) {
            case MappingNode m
            when m.getFlowStyle() != FlowStyle.FLOW && !m.getValue().isEmpty() ->
                lastContent(m.getValue().getLast().getValueNode());
            case org.snakeyaml.engine.v2.nodes.SequenceNode s
            when s.getFlowStyle() != FlowStyle.FLOW && !s.getValue().isEmpty() ->
                lastContent(s.getValue().getLast());
            default -> Math.max(index(node.getStartMark()), index(node.getEndMark()) - 1);
        };
    }
}
