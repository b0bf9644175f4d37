package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.match.TextMatcher;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.AsciiString;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** What a gateway does to headers: hop-by-hop fields off (RFC 9110 §7.6.1), forwarding fields on, filters applied. */
final class HeaderRules {
    // Names that know their hash: each request looks for all of them.
    private static final AsciiString FORWARDED_FOR = AsciiString.cached("x-forwarded-for");
    private static final AsciiString FORWARDED_PROTO = AsciiString.cached("x-forwarded-proto");
    private static final AsciiString REQUEST_ID = AsciiString.cached("x-request-id");

    private HeaderRules() {}

    static void stripHopByHop(HttpHeaders headers) {
        HeaderForms.stripOfOneConnection(headers);
        if (headers.contains(HttpHeaderNames.TE)) {
            boolean trailers = headers.containsValue(HttpHeaderNames.TE, "trailers", true);
            headers.remove(HttpHeaderNames.TE);
            if (trailers) {
                headers.set(HttpHeaderNames.TE, "trailers");
            }
        }
    }

    /**
     * @param peer the connection as it is, whose address is added; {@code whose} as the listener's rules have found out
     */
    static void forwarded(
            HttpHeaders headers, ClientRules rules, Downstream.Connection peer, Downstream.Connection whose) {
        boolean append = !(rules.address() instanceof ClientRules.Address.Forwarded of) || of.append();
        if (append) {
            String before = String.join(", ", headers.getAll(FORWARDED_FOR));
            headers.set(FORWARDED_FOR, before.isEmpty() ? peer.remoteIp() : before + ", " + peer.remoteIp());
        }
        // A proxy that is trusted with the client's address is trusted with its scheme.
        if (peer == whose || !isScheme(headers.get(FORWARDED_PROTO, ""))) {
            headers.set(FORWARDED_PROTO, peer.tls() ? "https" : "http");
        }
        boolean there = headers.contains(REQUEST_ID);
        switch (rules.headers().requestId()) {
            case PRESERVE_OR_GENERATE -> {
                if (!there) {
                    headers.set(REQUEST_ID, requestId());
                }
            }
            case GENERATE -> headers.set(REQUEST_ID, requestId());
            case PRESERVE, DISABLE -> {}
        }
    }

    private static boolean isScheme(String text) {
        return text.equals("http") || text.equals("https");
    }

    /** What a listener changes; {@code NONE} costs nothing. */
    static void apply(HeaderEdits edits, HttpHeaders headers) {
        if (edits == HeaderEdits.NONE) {
            return;
        }
        apply(edits.mutation(), headers);
        for (Route.Header header : edits.addIfAbsent()) {
            if (!headers.contains(header.name())) {
                headers.add(header.name(), header.value());
            }
        }
        if (!edits.removeOnMatch().isEmpty()) {
            HeaderForms.removeAll(
                    headers,
                    headers.names().stream()
                            .filter(name -> TextMatcher.any(edits.removeOnMatch(), name.toLowerCase(Locale.ROOT)))
                            .toList());
        }
    }

    /** With fingerprints in place of Envoy's operators for them; without TLS there is "-", as in Envoy. */
    static HeaderEdits filled(HeaderEdits edits, Fingerprints of) {
        return edits == HeaderEdits.NONE
                ? edits
                : new HeaderEdits(
                        new Route.HeaderMutation(
                                filled(edits.mutation().set(), of),
                                filled(edits.mutation().add(), of),
                                edits.mutation().remove()),
                        filled(edits.addIfAbsent(), of),
                        edits.removeOnMatch());
    }

    private static List<Route.Header> filled(List<Route.Header> headers, Fingerprints of) {
        return headers.stream()
                .map(h -> new Route.Header(
                        h.name(),
                        h.value()
                                .replace("%TLS_JA3_FINGERPRINT%", of.ja3().isEmpty() ? "-" : of.ja3())
                                .replace("%TLS_JA4_FINGERPRINT%", of.ja4().isEmpty() ? "-" : of.ja4())))
                .toList();
    }

    /** A random UUID (RFC 9562 §5.4) to tell requests apart, which needs no secret source. */
    private static String requestId() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        long most = (random.nextLong() & ~0xf000L) | 0x4000L;
        long least = (random.nextLong() & 0x3fffffffffffffffL) | 0x8000000000000000L;
        return new UUID(most, least).toString();
    }

    static void apply(Route.HeaderMutation mutation, HttpHeaders headers) {
        for (Route.Header header : mutation.set()) {
            headers.set(header.name(), header.value());
        }
        for (Route.Header header : mutation.add()) {
            headers.add(header.name(), header.value());
        }
        for (String name : mutation.remove()) {
            headers.remove(name);
        }
    }

    /** A Host from where a filter says, or {@code otherwise}; of the backend nothing is known yet. */
    static String host(Route.HostSource source, HttpHeaders headers, String target, String otherwise) {
        return switch (source) {
            case Route.HostSource.FromHeader(String name) -> headers.get(name, otherwise);
            case Route.HostSource.FromBackend() -> otherwise;
            case Route.HostSource.FromPath(String pattern, String substitution) -> {
                int question = target.indexOf('?');
                String path = question < 0 ? target : target.substring(0, question);
                String made = Substitutions.replace(pattern, substitution, path);
                yield made.equals(path) ? otherwise : made;
            }
        };
    }

    static String withoutPort(String address) {
        int colon = address.lastIndexOf(':');
        return colon < 0 ? address : address.substring(0, colon);
    }

    /** The target with its path rewritten and its query kept. */
    static String rewrite(Route.PathRewrite rewrite, String target) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        String query = question < 0 ? "" : target.substring(question);
        return switch (rewrite) {
            case Route.PathRewrite.Keep() -> target;
            case Route.PathRewrite.ReplaceFull(String full) -> Paths.ascii(full) + query;
            case Route.PathRewrite.ReplaceRegex(String pattern, String substitution) ->
                Substitutions.replace(pattern, Paths.ascii(substitution), path) + query;
            case Route.PathRewrite.ReplacePrefix(String prefix, String replacement) -> {
                String stem = Route.PathMatch.stem(prefix);
                String rest = path.startsWith(stem) ? path.substring(stem.length()) : path;
                String front = Paths.ascii(Route.PathMatch.stem(replacement));
                String joined = front + (rest.isEmpty() || rest.startsWith("/") ? rest : "/" + rest);
                yield (joined.isEmpty() ? "/" : joined) + query;
            }
        };
    }
}
