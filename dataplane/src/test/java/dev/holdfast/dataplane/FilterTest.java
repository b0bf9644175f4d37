package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.HttpFilter;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What filters can do to a request, tried with the fault filter: answer at once, wait, let go on. */
final class FilterTest {
    private static final Duration SHORT = Duration.ofMillis(60);

    private static TestGateway with(HttpFilter... filters) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.httpFilters = List.of(filters);
        return gateway.start();
    }

    @Test
    void abortsWithTheStatusOfThePolicyAndSaysWhy() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(Duration.ZERO, 100, 418, -1, 100))) {
            String answer = gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(answer).startsWith("HTTP/1.1 418 ").contains("x-holdfast-reason: fault_injected");
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void abortsAGrpcCallWithItsStatusInTheHead() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(Duration.ZERO, 100, 0, 14, 100))) {
            String answer = gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(answer).startsWith("HTTP/1.1 200 ").contains("grpc-status: 14");
        }
    }

    @Test
    void neverAbortsAtNoughtPercent() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(Duration.ZERO, 100, 500, -1, 0))) {
            assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .endsWith("\r\n\r\n/a");
        }
    }

    @Test
    void aDelayedRequestKeepsItsBodyAndGoesOn() throws IOException {
        TestGateway gateway = new TestGateway((head, in, out) -> {
            byte[] body = in.readNBytes(11);
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + new String(body, "ISO-8859-1"));
        });
        gateway.httpFilters = List.of(new HttpFilter.Fault(SHORT, 100, 0, -1, 100));
        try (gateway) {
            gateway.start();
            assertThat(
                            gateway.all(
                                    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world"))
                    .endsWith("\r\n\r\nhello world");
        }
    }

    @Test
    void theDelayComesBeforeTheAbort() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(SHORT, 100, 503, -1, 100))) {
            long start = System.nanoTime();
            assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .startsWith("HTTP/1.1 503 ");
            assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(SHORT.toNanos());
        }
    }

    @Test
    void aWebSocketPassesAFilterThatLetsItGoOn() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(SHORT, 100, 0, -1, 100));
                Socket client = gateway.client(TestGateway.HANDSHAKE)) {
            assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
        }
    }

    @Test
    void aClientThatLeavesWhileAFilterWaitsIsForgotten() throws IOException {
        try (TestGateway gateway = with(new HttpFilter.Fault(Duration.ofMinutes(5), 100, 0, -1, 100))) {
            Socket client = gateway.client("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello");
            client.setSoLinger(true, 0);
            client.close();
            Awaitility.await()
                    .until(() -> gateway.registry.getMeters().stream()
                            .anyMatch(m -> m.getId().getTags().toString().contains("499")));
            assertThat(gateway.heads).isEmpty();
        }
    }
}
