package dev.holdfast.console;

import java.util.List;

/**
 * What became of one change of the manifests.
 *
 * @param drainedStreams streams that it ends
 * @param openStreams streams that were open when it came
 * @param tookMillis from the files to the new plan in force
 * @param summary one sentence
 */
public record Reload(
        long atMillis,
        boolean applied,
        int drainedStreams,
        int openStreams,
        long tookMillis,
        String summary,
        List<Change> changes) {
    public Reload {
        changes = List.copyOf(changes);
    }

    /**
     * A listener, route or cluster that came, went or says something else.
     *
     * @param kind {@code listener}, {@code route} or {@code cluster}
     * @param details each value that differs: {@code requestTimeout: 10s → 11s}
     */
    public record Change(String kind, String name, What what, List<String> details) {
        public Change {
            details = List.copyOf(details);
        }
    }

    /** How an element differs from the plan before. */
    public enum What {
        ADDED,
        REMOVED,
        CHANGED
    }
}
