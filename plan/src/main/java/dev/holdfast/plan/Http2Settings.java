package dev.holdfast.plan;

/** HTTP/2 limits of one connection: streams at once, windows in bytes. */
public record Http2Settings(int maxConcurrentStreams, int initialStreamWindow, int initialConnectionWindow) {
    public static final Http2Settings DEFAULT = new Http2Settings(100, 65536, 1048576);
}
