package dev.holdfast.problem;

import java.util.Optional;

/** A place in a manifest file: line and column count from 1. */
public record SourcePosition(String file, int line, int column) {
    /** Where a resource of a cluster stands: in no file. */
    public static final SourcePosition NOWHERE = new SourcePosition("", 0, 0);

    /** This, where it is a place at all. */
    public Optional<SourcePosition> known() {
        return line == 0 ? Optional.empty() : Optional.of(this);
    }

    @Override
    public String toString() {
        return file + ":" + line + ":" + column;
    }
}
