package dev.holdfast.translate;

import java.util.Map;

/**
 * What the command line adds to the manifests.
 *
 * @param portOffset added to listener ports below 1024
 * @param resolve {@code namespace/service[:port]} to {@code host:port}
 * @param exposed each Gateway has a Service of its own, whose targetPorts are the ports to bind
 * @param zone where this gateway runs, as EndpointSlices name zones; empty where that is not known
 * @param envoy whether Envoys carry the plan out
 * @param rateLimits {@code host:port} of the service that counts for global rate limits, which Envoys ask; empty for none
 */
public record TranslateOptions(
        int portOffset, Map<String, String> resolve, boolean exposed, String zone, boolean envoy, String rateLimits) {
    public static final TranslateOptions NONE = new TranslateOptions(0, Map.of());

    public TranslateOptions {
        resolve = Map.copyOf(resolve);
    }

    /** Where listeners are bound on the ports they name. */
    public TranslateOptions(int portOffset, Map<String, String> resolve) {
        this(portOffset, resolve, false, "", false, "");
    }

    public TranslateOptions in(String otherZone) {
        return new TranslateOptions(portOffset, resolve, exposed, otherZone, envoy, rateLimits);
    }

    /** The same for the plane that is Envoy, or not. */
    public TranslateOptions onEnvoy(boolean really) {
        return new TranslateOptions(portOffset, resolve, exposed, zone, really, rateLimits);
    }

    /** With a service that counts. */
    public TranslateOptions limitedBy(String service) {
        return new TranslateOptions(portOffset, resolve, exposed, zone, envoy, service);
    }

    /** Each Gateway with a Service of its own, or not. */
    public TranslateOptions exposed(boolean really) {
        return new TranslateOptions(portOffset, resolve, really, zone, envoy, rateLimits);
    }

    /** Whether global rate limits can be carried out. */
    boolean limitsAll() {
        return envoy && !rateLimits.isEmpty();
    }

    /** The port that a listener's port is bound as, where no Service says. */
    int bindPort(int port) {
        return port > 0 && port < 1024 ? port + portOffset : port;
    }
}
