package dev.holdfast.dataplane.filter;

/**
 * Makes a filter for each request of the routes whose plan says the same. What requests share (buckets, keys) lives here,
 * and lives on over reloads that do not change the filter. Called on any loop.
 */
public interface FilterFactory extends AutoCloseable {
    Filter filter();

    /** No plan holds the filter any more. */
    @Override
    default void close() {}
}
