package dev.holdfast.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Code of the user's that sees requests and answers (EnvoyExtensionPolicy). Envoys run it; the embedded plane is never asked to. */
public sealed interface Extension extends HttpFilter {
    /** @param context JSON, which the code may ask for; empty for none */
    record Lua(String code, String context) implements Extension {}

    /**
     * Another process is asked by gRPC (envoy.service.ext_proc.v3).
     *
     * @param cluster of the server
     * @param failOpen whether a request passes where the server fails
     * @param messageTimeout zero for Envoy's
     * @param observing whether nothing waits for what the server says
     * @param statusOnError 0 for Envoy's
     * @param readable namespaces of metadata that the server sees; {@code writable} it may write
     */
    record ExtProc(
            String cluster,
            boolean failOpen,
            Duration messageTimeout,
            Optional<Part> request,
            Optional<Part> response,
            boolean modeOverride,
            boolean observing,
            int statusOnError,
            List<String> readable,
            List<String> writable)
            implements Extension {
        public ExtProc {
            readable = List.copyOf(readable);
            writable = List.copyOf(writable);
        }

        /** Headers, and the body as {@code body} says. */
        public record Part(Body body, List<String> attributes) {
            public Part {
                attributes = List.copyOf(attributes);
            }
        }

        /** How a body is sent. */
        public enum Body {
            NONE,
            STREAMED,
            BUFFERED,
            BUFFERED_PARTIAL,
            FULL_DUPLEX_STREAMED
        }
    }

    /**
     * Code that Envoy fetches by HTTP.
     *
     * @param cluster of the server that {@code uri} names
     * @param sha256 of the code, hexadecimal
     * @param config JSON, empty for none
     * @param environment names of variables of Envoy's that the code sees
     */
    record Wasm(
            String name,
            String rootId,
            String uri,
            String cluster,
            String sha256,
            String config,
            boolean failOpen,
            List<String> environment)
            implements Extension {
        public Wasm {
            environment = List.copyOf(environment);
        }
    }

    /** A library that Envoy finds by its name; {@code config} is JSON, empty for none. */
    record DynamicModule(String module, String filter, String config) implements Extension {}
}
