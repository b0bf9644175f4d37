package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The live streams as lines, each column as wide as what stands in it; the oldest first. */
final class StreamsTable {
    private static final int WIDEST = 44;
    private static final List<String> HEAD = List.of(
            "ID",
            "KIND",
            "CLIENT",
            "HOST AND PATH",
            "ROUTE",
            "BACKEND",
            "PROTOCOLS",
            "AGE",
            "LAST",
            "IN",
            "OUT",
            "RTT",
            "CLOSES");

    private StreamsTable() {}

    /** @param now in milliseconds since 1970 */
    static String of(JsonNode streams, long now) {
        List<JsonNode> sorted = new ArrayList<>();
        streams.forEach(sorted::add);
        sorted.sort(
                java.util.Comparator.comparingLong(s -> s.path("openedAtMillis").asLong()));
        List<List<String>> rows = new ArrayList<>(List.of(HEAD));
        sorted.forEach(s -> rows.add(row(s, now)));
        int[] widths = new int[HEAD.size()];
        for (List<String> row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        StringBuilder out = new StringBuilder();
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                line.append(row.get(i)).repeat(' ', widths[i] - row.get(i).length() + 2);
            }
            out.append(line.toString().stripTrailing()).append('\n');
        }
        return out.append(sorted.size())
                .append(sorted.size() == 1 ? " stream\n" : " streams\n")
                .toString();
    }

    private static List<String> row(JsonNode s, long now) {
        return List.of(
                s.path("id").asText(),
                s.path("kind").asText(),
                s.path("client").asText(),
                cut(s.path("host").asText() + s.path("path").asText()),
                cut(s.path("route").asText()),
                cut(s.path("endpoint").asText()),
                s.path("downstreamProtocol").asText() + " > "
                        + s.path("upstreamProtocol").asText(),
                age(now - s.path("openedAtMillis").asLong()),
                age(now - s.path("lastActivityMillis").asLong()),
                traffic(s, "messagesFromClient", "bytesFromClient"),
                traffic(s, "messagesToClient", "bytesToClient"),
                roundTrip(s.path("roundTripMicros").asLong()),
                closes(s, now));
    }

    private static String cut(String text) {
        // What a peer has chosen must not steer the terminal.
        String plain = text.replaceAll("\\p{Cntrl}", "?");
        return plain.length() <= WIDEST ? plain : plain.substring(0, WIDEST - 1) + "…";
    }

    static String age(long millis) {
        Duration age = Duration.ofMillis(Math.max(millis, 0));
        return age.toHours() > 0
                ? age.toHours() + "h" + age.toMinutesPart() + "m"
                : age.toMinutes() > 0 ? age.toMinutes() + "m" + age.toSecondsPart() + "s" : age.toSeconds() + "s";
    }

    private static String traffic(JsonNode stream, String messages, String bytes) {
        long count = stream.path(messages).asLong();
        String size = bytes(stream.path(bytes).asLong());
        return count > 0 ? count + " msg " + size : size;
    }

    private static String bytes(long count) {
        return count < 10_000
                ? count + " B"
                : count < 10_000_000
                        ? count / 1000 + " kB"
                        : count < 10_000_000_000L ? count / 1_000_000 + " MB" : count / 1_000_000_000 + " GB";
    }

    private static String roundTrip(long micros) {
        return micros == 0 ? "-" : String.format(Locale.ROOT, "%.1f ms", micros / 1000.0);
    }

    private static String closes(JsonNode stream, long now) {
        long at = stream.path("closesAtMillis").asLong();
        return at == 0 ? "-" : stream.path("closesBy").asText() + " in " + age(at - now);
    }
}
