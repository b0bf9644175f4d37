package dev.holdfast.translate;

import java.util.Map;

/**
 * What the command line adds to the manifests.
 *
 * @param portOffset added to listener ports below 1024
 * @param resolve {@code namespace/service[:port]} to {@code host:port}
 */
public record TranslateOptions(int portOffset, Map<String, String> resolve) {
    public static final TranslateOptions NONE = new TranslateOptions(0, Map.of());

    public TranslateOptions {
        resolve = Map.copyOf(resolve);
    }

    /** The port that a listener's port is bound as. */
    int bindPort(int port) {
        return port > 0 && port < 1024 ? port + portOffset : port;
    }
}
