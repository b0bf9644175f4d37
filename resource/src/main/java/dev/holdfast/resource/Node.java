package dev.holdfast.resource;

import dev.holdfast.problem.SourcePosition;
import java.util.List;
import java.util.Map;

/** A manifest's tree, each node with its position; equal where both values and positions are. */
public sealed interface Node {
    SourcePosition position();

    /** Entries in the order of the file. */
    record Mapping(SourcePosition position, Map<String, Node> entries) implements Node {
        public Mapping {
            entries = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(entries));
        }
    }

    record Sequence(SourcePosition position, List<Node> items) implements Node {
        public Sequence {
            items = List.copyOf(items);
        }
    }

    /** A scalar as written, and which type YAML's core schema gives it. */
    record Scalar(SourcePosition position, String text, Type type) implements Node {}

    /** The types of YAML 1.2's core schema. */
    enum Type {
        STRING,
        INTEGER,
        NUMBER,
        BOOLEAN,
        NULL
    }
}
