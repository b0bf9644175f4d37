package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the dashboard and the alerts in deploy/ ask for is there, and every metric says what it is. */
class DashboardTest {
    private static final Pattern NAME = Pattern.compile("holdfast_[a-z_]+");

    /** A page, a WebSocket that opens and is drained, a failure: what a gateway sees in a day. */
    private static String scrape() throws IOException {
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.maxStreams = 1;
            gateway.start();
            try (Socket page = gateway.client("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(page, "/page");
            }
            try (Ws one = Ws.open(gateway)) {
                gateway.all(TestGateway.HANDSHAKE);
                String before = gateway.registry.scrape();
                gateway.routes = List.of("d/other");
                gateway.start();
                one.send(Ws.CLOSE, one.read().payload());
                gateway.drained("route_removed", 1, 1, 0);
                await().untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
                return before + gateway.registry.scrape();
            }
        }
    }

    private static Set<String> names(String text) {
        return NAME.matcher(text).results().map(r -> r.group()).collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void everyMetricThatIsAskedForIsScrapedAndHasItsHelp() throws IOException {
        String scraped = scrape();
        Set<String> there = names(scraped.lines()
                .filter(l -> !l.startsWith("#"))
                .map(l -> l.replaceAll("[{ ].*", ""))
                .collect(Collectors.joining("\n")));
        for (String file : List.of("grafana/holdfast.json", "prometheus/holdfast.rules.yaml")) {
            Set<String> asked = names(
                    Files.readString(Path.of("..", "deploy").resolve(file)).replace("holdfast.rules", ""));
            assertThat(asked).as(file).isNotEmpty();
            assertThat(there).as(file).containsAll(asked);
        }
        for (String line :
                scraped.lines().filter(l -> l.startsWith("# HELP holdfast_")).toList()) {
            assertThat(line.split(" ", 4)).as(line).hasSize(4);
        }
        assertThat(scraped.lines().filter(l -> l.startsWith("# HELP holdfast_")))
                .isNotEmpty();
    }
}
