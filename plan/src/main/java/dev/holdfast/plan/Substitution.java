package dev.holdfast.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text with command operators, {@code %REQ(:METHOD)% %DURATION%} (Envoy, "Access logging: format strings"). {@code %%} is a
 * percent sign.
 */
public record Substitution(List<Piece> pieces) {
    /** Operators that the embedded plane knows, and whether they take an argument. */
    public static final Map<String, Boolean> KNOWN = known();

    private static final Pattern OPERATOR =
            Pattern.compile("%(?:%|(?<name>[A-Z][A-Z0-9_]*)(?:\\((?<argument>[^)]*)\\))?(?::(?<most>[0-9]{1,6}))?%)");

    public Substitution {
        pieces = List.copyOf(pieces);
    }

    private static Map<String, Boolean> known() {
        Map<String, Boolean> out = new TreeMap<>();
        Set.of("REQ", "REQ_WITHOUT_QUERY", "RESP", "TRAILER", "ENVIRONMENT").forEach(o -> out.put(o, true));
        Set.of(
                        "START_TIME",
                        "DURATION",
                        "RESPONSE_DURATION",
                        "PROTOCOL",
                        "RESPONSE_CODE",
                        "RESPONSE_CODE_DETAILS",
                        "RESPONSE_FLAGS",
                        "BYTES_RECEIVED",
                        "BYTES_SENT",
                        "ROUTE_NAME",
                        "UPSTREAM_HOST",
                        "UPSTREAM_REMOTE_ADDRESS",
                        "UPSTREAM_CLUSTER",
                        "UPSTREAM_PROTOCOL",
                        "DOWNSTREAM_REMOTE_ADDRESS",
                        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
                        "DOWNSTREAM_REMOTE_PORT",
                        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
                        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
                        "DOWNSTREAM_LOCAL_PORT",
                        "DOWNSTREAM_PEER_SUBJECT",
                        "DOWNSTREAM_PEER_URI_SAN",
                        "DOWNSTREAM_PEER_DNS_SAN",
                        "DOWNSTREAM_PEER_FINGERPRINT_256",
                        "TLS_JA3_FINGERPRINT",
                        "TLS_JA4_FINGERPRINT",
                        "HOSTNAME",
                        "TRACE_ID")
                .forEach(o -> out.put(o, false));
        return Map.copyOf(out);
    }

    public sealed interface Piece {
        record Text(String text) implements Piece {}

        /**
         * @param argument what stands in brackets, empty for nothing
         * @param most characters, 0 for all
         */
        record Operator(String name, String argument, int most) implements Piece {}
    }

    /** @throws IllegalArgumentException where a percent sign begins no operator; the message names the place */
    public static Substitution parse(String text) {
        List<Piece> out = new ArrayList<>();
        StringBuilder plain = new StringBuilder();
        Matcher matcher = OPERATOR.matcher(text);
        for (int at = 0; at < text.length(); ) {
            int percent = text.indexOf('%', at);
            if (percent < 0) {
                plain.append(text, at, text.length());
                break;
            }
            plain.append(text, at, percent);
            if (!matcher.region(percent, text.length()).lookingAt()) {
                throw new IllegalArgumentException("the percent sign at character " + (percent + 1)
                        + " begins no command operator, as %RESPONSE_CODE% or %REQ(:PATH)%, and is not doubled");
            }
            at = matcher.end();
            String name = matcher.group("name");
            if (name == null) {
                plain.append('%');
                continue;
            }
            if (!plain.isEmpty()) {
                out.add(new Piece.Text(plain.toString()));
                plain.setLength(0);
            }
            String argument = matcher.group("argument");
            String most = matcher.group("most");
            out.add(new Piece.Operator(
                    name, argument == null ? "" : argument, most == null ? 0 : Integer.parseInt(most)));
        }
        if (!plain.isEmpty()) {
            out.add(new Piece.Text(plain.toString()));
        }
        return new Substitution(out);
    }
}
