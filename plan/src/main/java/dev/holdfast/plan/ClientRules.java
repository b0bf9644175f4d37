package dev.holdfast.plan;

import java.time.Duration;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * How a listener takes what its clients send, and what they are told in return; what a ClientTrafficPolicy says beyond
 * {@link HttpSettings}.
 *
 * @param healthCheckPath answered by the gateway itself, empty for none
 * @param schemeKept whether a backend asked by HTTP/2 is told the scheme of the client's request, not of its own connection
 * @param grpcWeb whether calls by gRPC-Web go to backends as gRPC
 * @param fingerprints taken of each ClientHello
 */
public record ClientRules(
        ConnectionSettings connection,
        Address address,
        Headers headers,
        Paths paths,
        Http1 http1,
        Http2 http2,
        String healthCheckPath,
        boolean schemeKept,
        boolean grpcWeb,
        Set<Fingerprint> fingerprints) {
    public static final ClientRules DEFAULT = new ClientRules(
            ConnectionSettings.DEFAULT,
            new Address.Direct(),
            Headers.DEFAULT,
            Paths.DEFAULT,
            Http1.DEFAULT,
            Http2.DEFAULT,
            "");

    /** With the scheme of the backend's connection, without gRPC-Web and fingerprints. */
    public ClientRules(
            ConnectionSettings connection,
            Address address,
            Headers headers,
            Paths paths,
            Http1 http1,
            Http2 http2,
            String healthCheckPath) {
        this(connection, address, headers, paths, http1, http2, healthCheckPath, false, false, Set.of());
    }

    public ClientRules {
        fingerprints = fingerprints.isEmpty() ? Set.of() : Collections.unmodifiableSet(EnumSet.copyOf(fingerprints));
    }

    /** The same of other connections. */
    public ClientRules with(ConnectionSettings other) {
        return new ClientRules(
                other, address, headers, paths, http1, http2, healthCheckPath, schemeKept, grpcWeb, fingerprints);
    }

    /** What tells clients' TLS libraries apart. */
    public enum Fingerprint {
        JA3,
        JA4
    }

    /** Whom a request is from, for the log, the streams and whatever is decided by address. */
    public sealed interface Address {
        /** The peer of the connection, or whom its PROXY header names. */
        record Direct() implements Address {}

        /**
         * From X-Forwarded-For.
         *
         * @param trustedHops how many addresses from the right were written by proxies that are trusted; 0 where
         *     {@code trustedCidrs} tell
         * @param trustedCidrs {@code address/bits}; the first address from the right that is in none of them is the client
         * @param append whether the connection's peer is added on the way to the backend
         */
        record Forwarded(int trustedHops, List<String> trustedCidrs, boolean append) implements Address {
            public Forwarded {
                trustedCidrs = List.copyOf(trustedCidrs);
            }
        }

        /** From a header that a proxy before us sets; {@code failClosed} refuses a request without an address in it. */
        record CustomHeader(String name, boolean failClosed) implements Address {}
    }

    /**
     * @param underscores what becomes of headers whose names have underscores
     * @param early before the request is routed
     * @param late last of all before an answer goes to the client
     * @param stripTrailingDot whether {@code host.} becomes {@code host} for the backend too
     * @param maxBytes of a request's headers together
     * @param limitsHidden whether answers never tell of rate limits, whatever the rules of the limits say
     * @param envoy whether backends and clients are told what Envoy's router tells in {@code x-envoy-} headers
     */
    public record Headers(
            Underscores underscores,
            HeaderEdits early,
            HeaderEdits late,
            RequestId requestId,
            boolean stripTrailingDot,
            int maxBytes,
            ForwardedCert forwardedCert,
            boolean limitsHidden,
            boolean envoy) {
        public static final Headers DEFAULT = new Headers(
                Underscores.ALLOW,
                HeaderEdits.NONE,
                HeaderEdits.NONE,
                RequestId.PRESERVE_OR_GENERATE,
                false,
                61_440,
                ForwardedCert.DEFAULT);

        /** With rate limits told as their rules say, and without Envoy's headers. */
        public Headers(
                Underscores underscores,
                HeaderEdits early,
                HeaderEdits late,
                RequestId requestId,
                boolean stripTrailingDot,
                int maxBytes,
                ForwardedCert forwardedCert) {
            this(underscores, early, late, requestId, stripTrailingDot, maxBytes, forwardedCert, false, false);
        }
    }

    public enum Underscores {
        ALLOW,
        REJECT,
        DROP
    }

    public enum RequestId {
        PRESERVE_OR_GENERATE,
        PRESERVE,
        GENERATE,
        DISABLE
    }

    /** X-Forwarded-Client-Cert; {@code details} are those of Envoy: Subject, Cert, Chain, DNS, URI. */
    public record ForwardedCert(Mode mode, List<String> details) {
        public static final ForwardedCert DEFAULT = new ForwardedCert(Mode.SANITIZE, List.of());

        public ForwardedCert {
            details = List.copyOf(details);
        }

        /** Set and append only where a client certificate was shown; without one the header goes, but for the last. */
        public enum Mode {
            SANITIZE,
            FORWARD_ONLY,
            APPEND_FORWARD,
            SANITIZE_SET,
            ALWAYS_FORWARD_ONLY
        }
    }

    public record Paths(boolean mergeSlashes, EscapedSlashes escapedSlashes) {
        public static final Paths DEFAULT = new Paths(true, EscapedSlashes.KEEP);
    }

    /** What becomes of {@code %2F} and {@code %5C} in a path. */
    public enum EscapedSlashes {
        KEEP,
        REJECT,
        UNESCAPE_AND_FORWARD,
        UNESCAPE_AND_REDIRECT
    }

    /**
     * @param trailers whether trailers pass
     * @param defaultHost of a request of HTTP/1.0 that names none, empty for none
     * @param safeMaxDuration whether a connection at its greatest age waits for one more answer before it ends
     * @param ignoredUpgrades upgrade types that are taken for no upgrade at all
     */
    public record Http1(
            boolean trailers, String defaultHost, boolean safeMaxDuration, List<TextMatch> ignoredUpgrades) {
        public static final Http1 DEFAULT = new Http1(true, "", true, List.of());

        public Http1 {
            ignoredUpgrades = List.copyOf(ignoredUpgrades);
        }
    }

    /**
     * @param pingInterval of a PING whatever goes on, zero for none; likewise {@code pingIdle} after silence
     * @param jitterPercent of the interval, added at random
     * @param invalidEndsConnection whether a malformed message ends the connection instead of its stream
     */
    public record Http2(
            Duration pingInterval,
            Duration pingIdle,
            int jitterPercent,
            Duration pingTimeout,
            boolean invalidEndsConnection) {
        public static final Http2 DEFAULT = new Http2(Duration.ZERO, Duration.ZERO, 15, Duration.ofSeconds(20), false);
    }
}
