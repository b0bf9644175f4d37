package dev.holdfast.doctor.wire;

import java.util.List;

/**
 * How to open a connection.
 *
 * @param alpn in order of preference; empty leaves the extension out
 * @param versions TLS versions by the JDK's names; empty takes the JDK's own
 */
public record Offer(boolean tls, String serverName, List<String> alpn, List<String> versions) {
    public static final String H1 = "http/1.1";
    public static final String H2 = "h2";

    public Offer {
        alpn = List.copyOf(alpn);
        versions = List.copyOf(versions);
    }

    public Offer alpn(String... protocols) {
        return new Offer(tls, serverName, List.of(protocols), versions);
    }

    public Offer withoutAlpn() {
        return new Offer(tls, serverName, List.of(), versions);
    }

    public Offer version(String version) {
        return new Offer(tls, serverName, alpn, List.of(version));
    }

    public Offer serverName(String name) {
        return new Offer(tls, name, alpn, versions);
    }

    public Offer plain() {
        return new Offer(false, serverName, List.of(), List.of());
    }

    public Offer secure() {
        return new Offer(true, serverName, List.of(H2, H1), List.of());
    }
}
