package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** YAML or JSON text into positioned trees, one a document; bounded in size, depth and what aliases may grow to. */
final class YamlTree {
    private static final int MAX_NODES = 5_000_000;
    private static final int MAX_DEPTH = 100;
    private static final int LONGEST_NAME = 40;

    private final String file;
    private final List<Problem> problems;
    private int nodes;

    private YamlTree(String file, List<Problem> problems) {
        this.file = file;
        this.problems = problems;
    }

    static List<Node> parse(String file, String text, List<Problem> problems) {
        YamlTree tree = new YamlTree(file, problems);
        List<Node> documents = new ArrayList<>();
        LoadSettings settings = LoadSettings.builder()
                .setLabel(file)
                .setCodePointLimit(64 * 1024 * 1024)
                .setMaxAliasesForCollections(50)
                .setSchema(new CoreSchema())
                .build();
        try {
            for (org.snakeyaml.engine.v2.nodes.Node node : new Compose(settings).composeAllFromString(text)) {
                documents.add(tree.convert(node, 0));
            }
        } catch (MarkedYamlEngineException e) {
            SourcePosition position = e.getProblemMark()
                    .map(m -> new SourcePosition(file, m.getLine() + 1, m.getColumn() + 1))
                    .orElse(new SourcePosition(file, 1, 1));
            problems.add(
                    Problem.of(
                            ProblemCode.SYNTAX,
                            Severity.ERROR,
                            Optional.of(position),
                            "not valid YAML: " + e.getProblem(),
                            "Mend the syntax at this place; indentation and unclosed quotes or brackets are the usual causes."));
        } catch (TooMuch | StackOverflowError e) {
            problems.add(tooMuch(file));
        } catch (YamlEngineException e) {
            // Without a place it is one of the parser's own limits, on aliases or on size.
            problems.add(
                    String.valueOf(e.getMessage()).contains("aliases")
                            ? tooMuch(file)
                            : Problem.of(
                                    ProblemCode.SYNTAX,
                                    Severity.ERROR,
                                    Optional.of(new SourcePosition(file, 1, 1)),
                                    "not readable as YAML: " + e.getMessage(),
                                    "Check that the file is UTF-8 text and below 64 MiB."));
        }
        return documents;
    }

    private static Problem tooMuch(String file) {
        return Problem.of(
                ProblemCode.SYNTAX,
                Severity.ERROR,
                Optional.of(new SourcePosition(file, 1, 1)),
                "the document is nested deeper than " + MAX_DEPTH + " or grows past " + MAX_NODES + " nodes",
                "Flatten it, or replace aliases by what they stand for.");
    }

    private static final class TooMuch extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private Node convert(org.snakeyaml.engine.v2.nodes.Node node, int depth) {
        if (depth > MAX_DEPTH || ++nodes > MAX_NODES) {
            throw new TooMuch();
        }
        SourcePosition position = node.getStartMark()
                .map(m -> new SourcePosition(file, m.getLine() + 1, m.getColumn() + 1))
                .orElse(new SourcePosition(file, 1, 1));
        return switch (node) {
            case ScalarNode scalar -> new Node.Scalar(position, scalar.getValue(), type(scalar.getTag()));
            case SequenceNode sequence -> {
                List<Node> items = new ArrayList<>();
                for (org.snakeyaml.engine.v2.nodes.Node item : sequence.getValue()) {
                    items.add(convert(item, depth + 1));
                }
                yield new Node.Sequence(position, items);
            }
            case MappingNode mapping -> {
                Map<String, Node> entries = new LinkedHashMap<>();
                for (NodeTuple tuple : mapping.getValue()) {
                    String key = tuple.getKeyNode() instanceof ScalarNode k ? shared(k.getValue()) : "?";
                    Node value = convert(tuple.getValueNode(), depth + 1);
                    if (entries.putIfAbsent(key, value) != null) {
                        problems.add(Problem.of(
                                ProblemCode.DUPLICATE,
                                Severity.ERROR,
                                tuple.getKeyNode()
                                        .getStartMark()
                                        .map(m -> new SourcePosition(file, m.getLine() + 1, m.getColumn() + 1)),
                                "the key \"" + key + "\" stands twice in one mapping",
                                "Remove one of the two."));
                    }
                }
                yield new Node.Mapping(position, entries);
            }
            default -> throw new TooMuch();
        };
    }

    /** Field names come thousands of times; one of each is enough, and is found without looking at its letters. */
    private static String shared(String key) {
        return key.length() <= LONGEST_NAME ? key.intern() : key;
    }

    private static Node.Type type(Tag tag) {
        return tag.equals(Tag.INT)
                ? Node.Type.INTEGER
                : tag.equals(Tag.FLOAT)
                        ? Node.Type.NUMBER
                        : tag.equals(Tag.BOOL)
                                ? Node.Type.BOOLEAN
                                : tag.equals(Tag.NULL) ? Node.Type.NULL : Node.Type.STRING;
    }
}
