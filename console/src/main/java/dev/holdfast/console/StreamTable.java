package dev.holdfast.console;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.holdfast.plan.StreamView;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The streams at one moment, and as JSON what differs from an earlier one: rows that opened whole, of others only what
 * moves, of those that closed the id.
 *
 * @param open how many there are, whether or not they are among the rows
 * @param rows by id
 */
record StreamTable(long at, int open, Map<String, StreamView> rows) {
    /** What a page can take; the newest are shown where there are more. */
    static final int ROWS = 20_000;

    static final StreamTable NONE = new StreamTable(0, 0, Map.of());

    /** The columns of a whole row, and from {@link #MOVING} on of a row that is known. */
    static final List<String> COLUMNS = List.of(
            "id",
            "kind",
            "client",
            "host",
            "path",
            "listener",
            "route",
            "cluster",
            "endpoint",
            "downstreamProtocol",
            "upstreamProtocol",
            "openedAtMillis",
            "lastActivityMillis",
            "bytesFromClient",
            "bytesToClient",
            "messagesFromClient",
            "messagesToClient",
            "roundTripMicros",
            "draining",
            "closesBy",
            "closesAtMillis");

    static final int MOVING = COLUMNS.indexOf("lastActivityMillis");

    static StreamTable of(long at, List<StreamView> streams) {
        List<StreamView> shown = streams;
        if (streams.size() > ROWS) {
            shown = new ArrayList<>(streams);
            shown.sort(Comparator.comparingLong(StreamView::openedAtMillis).reversed());
            shown = shown.subList(0, ROWS);
        }
        Map<String, StreamView> rows = HashMap.newHashMap(shown.size());
        for (StreamView stream : shown) {
            rows.put(stream.id(), stream);
        }
        return new StreamTable(at, streams.size(), rows);
    }

    /** {@code {now, open, opened: [[…]], moved: [[id, …]], closed: [id]}}. */
    void writeSince(StreamTable before, JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeNumberField("now", at);
        json.writeNumberField("open", open);
        json.writeArrayFieldStart("opened");
        for (StreamView row : rows.values()) {
            if (!before.rows.containsKey(row.id())) {
                opened(row, json);
            }
        }
        json.writeEndArray();
        json.writeArrayFieldStart("moved");
        for (StreamView row : rows.values()) {
            StreamView old = before.rows.get(row.id());
            if (old != null && !old.equals(row)) {
                json.writeStartArray();
                json.writeString(row.id());
                moving(row, json);
                json.writeEndArray();
            }
        }
        json.writeEndArray();
        json.writeArrayFieldStart("closed");
        for (String id : before.rows.keySet()) {
            if (!rows.containsKey(id)) {
                json.writeString(id);
            }
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void opened(StreamView row, JsonGenerator json) throws IOException {
        json.writeStartArray();
        json.writeString(row.id());
        json.writeString(row.kind());
        json.writeString(row.client());
        json.writeString(row.host());
        json.writeString(row.path());
        json.writeString(row.listener());
        json.writeString(row.route());
        json.writeString(row.cluster());
        json.writeString(row.endpoint());
        json.writeString(row.downstreamProtocol());
        json.writeString(row.upstreamProtocol());
        json.writeNumber(row.openedAtMillis());
        moving(row, json);
        json.writeEndArray();
    }

    private static void moving(StreamView row, JsonGenerator json) throws IOException {
        json.writeNumber(row.lastActivityMillis());
        json.writeNumber(row.bytesFromClient());
        json.writeNumber(row.bytesToClient());
        json.writeNumber(row.messagesFromClient());
        json.writeNumber(row.messagesToClient());
        json.writeNumber(row.roundTripMicros());
        json.writeBoolean(row.draining());
        json.writeString(row.closesBy());
        json.writeNumber(row.closesAtMillis());
    }
}
