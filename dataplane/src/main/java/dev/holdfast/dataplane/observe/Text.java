package dev.holdfast.dataplane.observe;

import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.plan.Substitution;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A text whose command operators say what {@link Facts} know; what nobody knows is {@code -}, as with Envoy. */
public final class Text {
    private static final String UNKNOWN = "-";
    private static final DateTimeFormatter USUAL = DateTimeFormatter.ofPattern(
                    "uuuu-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    /** The directives of strftime(3) that a time may be written with, as java.time writes them. */
    private static final Map<Character, String> DIRECTIVES = Map.ofEntries(
            Map.entry('Y', "uuuu"),
            Map.entry('y', "uu"),
            Map.entry('m', "MM"),
            Map.entry('d', "dd"),
            Map.entry('e', "ppd"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('M', "mm"),
            Map.entry('S', "ss"),
            Map.entry('p', "a"),
            Map.entry('a', "EEE"),
            Map.entry('A', "EEEE"),
            Map.entry('b', "MMM"),
            Map.entry('B', "MMMM"),
            Map.entry('j', "DDD"),
            Map.entry('z', "xx"),
            Map.entry('Z', "'UTC'"),
            Map.entry('T', "HH:mm:ss"),
            Map.entry('F', "uuuu-MM-dd"));

    /** What an operator says: a number where it is one. */
    private interface Said {
        @Nullable
        Object of(Facts facts);
    }

    private final List<Said> parts = new ArrayList<>();

    /** Of a text that the translation has let through. */
    public Text(String text) {
        Substitution.parse(text)
                .pieces()
                .forEach(piece -> parts.add(
                        switch (piece) {
                            case Substitution.Piece.Text(String plain) -> facts -> plain;
                            case Substitution.Piece.Operator operator -> said(operator);
                        }));
    }

    public String of(Facts facts) {
        StringBuilder out = new StringBuilder();
        for (Said part : parts) {
            Object said = part.of(facts);
            out.append(said == null ? UNKNOWN : said);
        }
        return out.toString();
    }

    /** For JSON: a number or null where the whole is one operator. */
    public @Nullable Object value(Facts facts) {
        return parts.size() == 1 ? parts.getFirst().of(facts) : of(facts);
    }

    private static Said said(Substitution.Piece.Operator operator) {
        Said whole = whole(operator.name(), operator.argument());
        int most = operator.most();
        return most == 0
                ? whole
                : facts -> whole.of(facts) instanceof String text && text.length() > most
                        ? text.substring(0, most)
                        : whole.of(facts);
    }

    private static Said whole(String name, String argument) {
        return switch (name) {
            case "REQ" -> either(argument, Facts::requestHeader);
            case "REQ_WITHOUT_QUERY" -> {
                Said with = either(argument, Facts::requestHeader);
                yield facts -> with.of(facts) instanceof String text ? text.split("\\?", 2)[0] : null;
            }
            case "RESP" -> either(argument, Facts::responseHeader);
            case "TRAILER" -> either(argument, Facts::trailer);
            case "ENVIRONMENT" -> {
                String value = System.getenv(argument);
                yield facts -> value;
            }
            case "START_TIME" -> time(argument);
            case "DURATION" -> facts -> facts.durationNanos() / 1_000_000;
            case "RESPONSE_DURATION" ->
                facts -> facts.answeredNanos() < 0 ? null : (Object) (facts.answeredNanos() / 1_000_000);
            case "PROTOCOL" -> Facts::protocol;
            case "RESPONSE_CODE" -> facts -> (long) facts.status();
            case "RESPONSE_CODE_DETAILS" -> Facts::details;
            case "RESPONSE_FLAGS" -> facts -> known(facts.flags());
            case "BYTES_RECEIVED" -> Facts::bytesFromClient;
            case "BYTES_SENT" -> Facts::bytesToClient;
            case "ROUTE_NAME" -> facts -> known(facts.route());
            case "UPSTREAM_HOST", "UPSTREAM_REMOTE_ADDRESS" -> facts -> known(facts.endpoint());
            case "UPSTREAM_CLUSTER" -> facts -> known(facts.cluster());
            case "UPSTREAM_PROTOCOL" -> facts -> known(facts.upstreamProtocol());
            case "DOWNSTREAM_REMOTE_ADDRESS" -> facts -> address(facts.client());
            case "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" ->
                facts -> facts.client().remoteIp();
            case "DOWNSTREAM_REMOTE_PORT" -> facts -> (long) facts.client().remotePort();
            case "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" -> facts -> address(facts.peer());
            case "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" ->
                facts -> facts.peer().remoteIp();
            case "DOWNSTREAM_LOCAL_PORT" -> facts -> (long) facts.peer().bindPort();
            case "DOWNSTREAM_PEER_SUBJECT" ->
                facts -> certificate(facts).map(ClientCertificate::subject).orElse(null);
            case "DOWNSTREAM_PEER_URI_SAN" ->
                facts -> certificate(facts)
                        .map(c -> known(String.join(",", c.uris())))
                        .orElse(null);
            case "DOWNSTREAM_PEER_DNS_SAN" ->
                facts -> certificate(facts)
                        .map(c -> known(String.join(",", c.dnsNames())))
                        .orElse(null);
            case "DOWNSTREAM_PEER_FINGERPRINT_256" ->
                facts -> certificate(facts).map(ClientCertificate::hash).orElse(null);
            case "TLS_JA3_FINGERPRINT" ->
                facts -> known(facts.client().fingerprints().ja3());
            case "TLS_JA4_FINGERPRINT" ->
                facts -> known(facts.client().fingerprints().ja4());
            case "HOSTNAME" -> {
                String host = host();
                yield facts -> host;
            }
            case "TRACE_ID" -> facts -> known(facts.trace());
            default -> facts -> null;
        };
    }

    private interface Header {
        @Nullable
        String of(Facts facts, String name);
    }

    /** {@code X?Y}: the one, or else the other. */
    private static Said either(String argument, Header header) {
        String[] names = argument.split("\\?", 2);
        return facts -> {
            String first = header.of(facts, names[0].trim());
            return first == null && names.length > 1 ? header.of(facts, names[1].trim()) : first;
        };
    }

    private static @Nullable String known(String text) {
        return text.isEmpty() ? null : text;
    }

    private static Optional<ClientCertificate> certificate(Facts facts) {
        return Optional.ofNullable(facts.peer().clientCertificate());
    }

    private static String address(Downstream.Connection connection) {
        String ip = connection.remoteIp();
        return (ip.indexOf(':') < 0 ? ip : "[" + ip + "]") + ":" + connection.remotePort();
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return UNKNOWN;
        }
    }

    private static Said time(String format) {
        List<Said> all = format.isEmpty() ? List.of(by(USUAL)) : directives(format);
        return facts -> {
            StringBuilder out = new StringBuilder();
            all.forEach(part -> out.append(part.of(facts)));
            return out.toString();
        };
    }

    private static Said by(DateTimeFormatter formatter) {
        return facts -> formatter.format(Instant.ofEpochMilli(facts.startedMillis()));
    }

    private static Said by(String pattern) {
        return by(DateTimeFormatter.ofPattern(pattern, Locale.ROOT).withZone(ZoneOffset.UTC));
    }

    /** Each by itself: a pattern of them all would read two that are alike, or what stands between, as another one. */
    private static List<Said> directives(String format) {
        List<Said> out = new ArrayList<>();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                String plain = String.valueOf(c);
                out.add(facts -> plain);
                continue;
            }
            char next = format.charAt(++i);
            String directive = DIRECTIVES.get(next);
            if (next == 's') {
                out.add(facts -> Long.toString(Math.floorDiv(facts.startedMillis(), 1000)));
            } else if (Character.isDigit(next) && i + 1 < format.length() && format.charAt(i + 1) == 'f') {
                out.add(by("S".repeat(Math.clamp(next - '0', 1, 9))));
                i++;
            } else if (next == 'f') {
                out.add(by("SSSSSSSSS"));
            } else if (directive != null) {
                out.add(by(directive));
            } else {
                String plain = String.valueOf(next);
                out.add(facts -> plain);
            }
        }
        return out;
    }
}
