package dev.holdfast.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.plan.StreamView;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FeedTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private TestConsole console;

    @BeforeEach
    void start() throws IOException {
        console = TestConsole.onThisMachine();
    }

    @AfterEach
    void stop() {
        console.close();
    }

    /** Reads the feed as it is on the wire, chunk sizes and all; an event is a name and one line of data. */
    private final class Reader implements AutoCloseable {
        private final Socket socket = console.connect();
        private final BufferedReader lines =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));

        Reader() throws IOException {
            TestConsole.send(socket, "GET", "/api/events", console.host());
        }

        String status() throws IOException {
            return lines.readLine();
        }

        JsonNode next(String event, Predicate<JsonNode> wanted) throws IOException {
            while (true) {
                String line = lines.readLine();
                if (line == null) {
                    throw new IOException("the feed ended");
                }
                if (line.equals("event: " + event)) {
                    StringBuilder data = new StringBuilder(lines.readLine());
                    JsonNode value = JSON.readTree(data.substring("data: ".length()));
                    if (wanted.test(value)) {
                        return value;
                    }
                }
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    static StreamView stream(String id, long bytes) {
        return new StreamView(
                id,
                "websocket",
                "127.0.0.1:5",
                "h\n\"ost",
                "/ws",
                "ns/gw/http",
                "ns/r",
                "c",
                "127.0.0.1:80",
                "h2",
                "http/1.1",
                1,
                2,
                bytes,
                0,
                0,
                0,
                0,
                false,
                "idle",
                9);
    }

    @Test
    void tellsWholeRowsOnceThenOnlyWhatMovesAndTheIdsOfThoseThatClose() throws IOException {
        console.streams.set(List.of(stream("a", 1), stream("b", 1)));
        try (Reader feed = new Reader()) {
            JsonNode columns = feed.next("columns", any -> true);
            JsonNode first = feed.next("streams", any -> true);
            assertThat(first.get("open").asInt()).isEqualTo(2);
            assertThat(first.get("opened")).hasSize(2);
            assertThat(first.get("opened").get(0))
                    .hasSize(columns.get("columns").size());
            assertThat(first.get("opened").findValuesAsText("x")).isEmpty();
            console.streams.set(List.of(stream("a", 77)));
            JsonNode second = feed.next("streams", s -> !s.get("closed").isEmpty());
            assertThat(second.get("opened")).isEmpty();
            assertThat(second.get("closed")).hasSize(1);
            assertThat(second.get("closed").get(0).asText()).isEqualTo("b");
            JsonNode moved = second.get("moved").get(0);
            int moving = columns.get("moving").asInt();
            assertThat(moved.get(0).asText()).isEqualTo("a");
            assertThat(moved).hasSize(1 + columns.get("columns").size() - moving);
            assertThat(moved.get(1 + StreamTable.COLUMNS.indexOf("bytesFromClient") - moving)
                            .asLong())
                    .isEqualTo(77);
            JsonNode third = feed.next("streams", any -> true);
            assertThat(third.get("moved")).isEmpty();
        }
    }

    @Test
    void theColumnsAreTheFieldsOfAStreamInTheirOrder() {
        List<String> fields = java.util.Arrays.stream(StreamView.class.getRecordComponents())
                .map(java.lang.reflect.RecordComponent::getName)
                .toList();
        assertThat(StreamTable.COLUMNS).isEqualTo(fields);
    }

    @Test
    void saysThatProblemsOrReadinessChanged() throws IOException {
        try (Reader feed = new Reader()) {
            JsonNode before = feed.next("state", any -> true);
            assertThat(before.get("ready").asBoolean()).isFalse();
            console.ready.set(true);
            JsonNode ready = feed.next("state", s -> s.get("ready").asBoolean());
            assertThat(ready.get("problems")).isEqualTo(before.get("problems"));
            console.problems.set(List.of(
                    Problem.of(ProblemCode.NOTHING_TO_SERVE, Severity.WARNING, Optional.empty(), "message", "fix")));
            JsonNode problems = feed.next("state", s -> !s.get("problems").equals(before.get("problems")));
            assertThat(problems.get("plan")).isEqualTo(before.get("plan"));
        }
    }

    @Test
    void ofVeryManyStreamsTheNewestAreShownAndAllAreCounted() {
        List<StreamView> many = IntStream.range(0, StreamTable.ROWS + 5)
                .mapToObj(i -> new StreamView(
                        "s" + i, "sse", "", "", "", "", "", "", "", "", "", i, 0, 0, 0, 0, 0, 0, false, "", 0))
                .toList();
        StreamTable table = StreamTable.of(1, many);
        assertThat(table.open()).isEqualTo(StreamTable.ROWS + 5);
        assertThat(table.rows())
                .hasSize(StreamTable.ROWS)
                .doesNotContainKeys("s0", "s4")
                .containsKeys("s5");
    }

    @Test
    void hasAPlaceForSoManyAndForAnotherWhenOneLeaves() throws IOException {
        List<Reader> readers = new ArrayList<>();
        try {
            for (int i = 0; i < Feed.CLIENTS; i++) {
                Reader reader = new Reader();
                readers.add(reader);
                assertThat(reader.status()).startsWith("HTTP/1.1 200");
                reader.next("streams", any -> true);
            }
            try (Reader late = new Reader()) {
                assertThat(late.status()).startsWith("HTTP/1.1 503");
            }
            readers.removeFirst().close();
            // The feed notices at its next write; asked until then.
            while (true) {
                Reader late = new Reader();
                if (late.status().startsWith("HTTP/1.1 200")) {
                    readers.add(late);
                    break;
                }
                late.close();
            }
            assertThat(readers.getLast()
                            .next("streams", any -> true)
                            .get("open")
                            .asInt())
                    .isZero();
        } finally {
            for (Reader reader : readers) {
                reader.close();
            }
        }
    }
}
