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
}
