package dev.holdfast.problem;

/** A change of a manifest that mends a problem; paths are within the problem's resource ({@code spec.rules[0].name}). */
public sealed interface Change {
    /** Adds an entry, {@code name: value} with what lies below it indented by two, to the mapping at {@code path}. */
    record Add(String path, String yaml) implements Change {}

    /** Gives the entry at {@code path} another name. */
    record Rename(String path, String name) implements Change {}

    /** Puts {@code yaml}, on one line, in the place of the value at {@code path}. */
    record Replace(String path, String yaml) implements Change {}

    /** Makes a list of the value at {@code path}, which is its one item; it stays as it is written. */
    record Enlist(String path) implements Change {}

    /** Takes the entry or list item at {@code path} out. */
    record Remove(String path) implements Change {}
}
