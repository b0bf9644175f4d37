package dev.holdfast.problem;

/** A place in a manifest file: line and column count from 1. */
public record SourcePosition(String file, int line, int column) {
    @Override
    public String toString() {
        return file + ":" + line + ":" + column;
    }
}
