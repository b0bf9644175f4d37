package dev.holdfast.plan;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** What a condition of a policy, in the Common Expression Language, may ask of a request: of Envoy's attributes those known here. */
public final class Attributes {
    /** By the variable that they are of. */
    public static final Map<String, Set<String>> KNOWN = Map.of(
            "request",
            Set.of(
                    "headers",
                    "host",
                    "id",
                    "method",
                    "path",
                    "protocol",
                    "query",
                    "referer",
                    "scheme",
                    "time",
                    "url_path",
                    "useragent"),
            "source",
            Set.of("address", "port"),
            "connection",
            Set.of(
                    "dns_san_peer_certificate",
                    "mtls",
                    "sha256_peer_certificate_digest",
                    "subject_peer_certificate",
                    "uri_san_peer_certificate"));

    /** What may be asked of a request that has ended. */
    public static final Map<String, Set<String>> OF_ENDED = ended();

    private Attributes() {}

    private static Map<String, Set<String>> ended() {
        Map<String, Set<String>> out = new HashMap<>(KNOWN);
        out.computeIfPresent("request", (name, known) -> {
            Set<String> more = new HashSet<>(known);
            more.addAll(Set.of("duration", "size"));
            return Set.copyOf(more);
        });
        out.put("response", Set.of("code", "code_details", "headers", "size"));
        out.put("upstream", Set.of("address"));
        out.put("xds", Set.of("cluster_name", "route_name"));
        return Map.copyOf(out);
    }
}
