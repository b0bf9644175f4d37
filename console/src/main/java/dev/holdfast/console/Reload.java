package dev.holdfast.console;

/** What became of one change of the manifests; {@code summary} is one sentence. */
public record Reload(long atMillis, boolean applied, int drainedStreams, String summary) {}
