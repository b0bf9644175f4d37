package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingEndEvent;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceEndEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.exceptions.ComposerException;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.resolver.ScalarResolver;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/**
 * YAML or JSON text into positioned trees, one a document; bounded in size, depth and what aliases may grow to. The trees
 * are made as the text is read, so that what grows too large is given up where it does.
 */
final class YamlTree {
    private static final int MAX_NODES = 5_000_000;
    private static final int MAX_DEPTH = 100;
    private static final int MAX_ALIASES = 50;
    private static final int LONGEST_NAME = 40;
    /** Characters read at a time, where the text has them: the parser copies what it holds of a line for each piece more. */
    private static final int PIECE = 4 * 1024 * 1024;

    private static final ScalarResolver TYPES = new CoreSchema().getScalarResolver();

    private final String file;
    private final List<Problem> problems;
    private final Iterator<Event> events;
    private final Map<Anchor, Optional<Anchored>> anchors = new HashMap<>();
    private int nodes;
    private int aliases;
    private int deepest;

    /** What an alias may stand for: so many nodes, so many levels below its own. */
    private record Anchored(Node node, int size, int height) {}

    private YamlTree(String file, String text, List<Problem> problems) {
        this.file = file;
        this.problems = problems;
        LoadSettings settings = LoadSettings.builder()
                .setLabel(file)
                .setCodePointLimit(64 * 1024 * 1024)
                .setBufferSize(Math.clamp(text.length(), 1024, PIECE))
                .build();
        events = new Parse(settings).parseString(text).iterator();
    }

    static List<Node> parse(String file, String text, List<Problem> problems) {
        List<Node> documents = new ArrayList<>();
        try {
            new YamlTree(file, text, problems).documents(documents);
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
            // Without a place it is the parser's own limit on size.
            problems.add(Problem.of(
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

    private void documents(List<Node> out) {
        while (events.hasNext()) {
            if (events.next() instanceof DocumentStartEvent) {
                anchors.clear();
                aliases = 0;
                out.add(node(events.next(), 0));
            }
        }
    }

    private Node node(Event event, int depth) {
        if (event instanceof AliasEvent alias) {
            return aliased(alias, depth);
        }
        if (depth > MAX_DEPTH || ++nodes > MAX_NODES) {
            throw new TooMuch();
        }
        deepest = Math.max(deepest, depth);
        Optional<Anchor> anchor = ((NodeEvent) event).getAnchor();
        return anchor.isEmpty() ? plain(event, depth) : anchored(anchor.get(), event, depth);
    }

    private Node anchored(Anchor anchor, Event event, int depth) {
        int before = nodes;
        int outside = deepest;
        deepest = depth;
        anchors.put(anchor, Optional.empty());
        Node node = plain(event, depth);
        anchors.put(anchor, Optional.of(new Anchored(node, nodes - before + 1, deepest - depth)));
        deepest = Math.max(outside, deepest);
        return node;
    }

    private Node aliased(AliasEvent alias, int depth) {
        Optional<Anchored> known = anchors.get(alias.getAlias());
        if (known == null) {
            throw new ComposerException("found undefined alias " + alias.getAlias(), alias.getStartMark());
        }
        // One that holds itself would never end.
        Anchored anchored = known.orElseThrow(TooMuch::new);
        if (!(anchored.node instanceof Node.Scalar) && ++aliases > MAX_ALIASES) {
            throw new TooMuch();
        }
        nodes += anchored.size;
        deepest = Math.max(deepest, depth + anchored.height);
        if (nodes > MAX_NODES || depth + anchored.height > MAX_DEPTH) {
            throw new TooMuch();
        }
        return anchored.node;
    }

    private Node plain(Event event, int depth) {
        SourcePosition position = position(event);
        return switch (event) {
            case ScalarEvent scalar -> new Node.Scalar(position, scalar.getValue(), type(tag(scalar)));
            case SequenceStartEvent ignored -> {
                List<Node> items = new ArrayList<>();
                for (Event item = events.next(); !(item instanceof SequenceEndEvent); item = events.next()) {
                    items.add(node(item, depth + 1));
                }
                yield new Node.Sequence(position, items);
            }
            case MappingStartEvent ignored -> {
                Map<String, Node> entries = new LinkedHashMap<>();
                for (Event next = events.next(); !(next instanceof MappingEndEvent); next = events.next()) {
                    String key = key(next, depth);
                    Node value = node(events.next(), depth + 1);
                    if (entries.putIfAbsent(key, value) != null) {
                        problems.add(Problem.of(
                                ProblemCode.DUPLICATE,
                                Severity.ERROR,
                                Optional.of(position(next)),
                                "the key \"" + key + "\" stands twice in one mapping",
                                "Remove one of the two."));
                    }
                }
                yield new Node.Mapping(position, entries);
            }
            default -> throw new IllegalStateException(event + " where a value begins");
        };
    }

    private String key(Event event, int depth) {
        if (event instanceof ScalarEvent scalar && scalar.getAnchor().isEmpty()) {
            return shared(scalar.getValue());
        }
        return node(event, depth + 1) instanceof Node.Scalar scalar ? shared(scalar.text()) : "?";
    }

    private SourcePosition position(Event event) {
        return event.getStartMark()
                .map(m -> new SourcePosition(file, m.getLine() + 1, m.getColumn() + 1))
                .orElse(new SourcePosition(file, 1, 1));
    }

    private static Tag tag(ScalarEvent scalar) {
        Optional<String> written = scalar.getTag();
        return written.isEmpty() || written.get().equals("!")
                ? TYPES.resolve(scalar.getValue(), scalar.getImplicit().canOmitTagInPlainScalar())
                : new Tag(written.get());
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
