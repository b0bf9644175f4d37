package dev.holdfast.xds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EnvoyAdminTest {
    /** As Envoy 1.40 answers while one client keeps a connection of HTTP, and we ask. */
    private static final String IDLE = """
            http.admin.downstream_cx_active: 1
            http.port-20000.downstream_cx_active: 1
            http.port-20000.downstream_rq_active: 0
            http.ready.downstream_cx_active: 0
            listener.0.0.0.0_19001.downstream_cx_active: 0
            listener.0.0.0.0_19001.worker_0.downstream_cx_active: 0
            listener.0.0.0.0_20000.downstream_cx_active: 1
            listener.0.0.0.0_20000.worker_0.downstream_cx_active: 1
            listener.0.0.0.0_20000.worker_1.downstream_cx_active: 0
            listener.admin.downstream_cx_active: 1
            listener.admin.main_thread.downstream_cx_active: 1
            """;

    static List<Arguments> answers() {
        return List.of(
                arguments("a connection without a request", false, IDLE),
                arguments(
                        "a request or an upgrade",
                        true,
                        IDLE.replace("20000.downstream_rq_active: 0", "20000.downstream_rq_active: 1")),
                arguments(
                        "a connection that is only relayed",
                        true,
                        IDLE + "listener.0.0.0.0_20001.downstream_cx_active: 1\n"
                                + "listener.0.0.0.0_20001.worker_1.downstream_cx_active: 1\n"),
                arguments("nothing that answers", false, ""));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("answers")
    void isBusyWithRequestsAndWhatIsRelayedAlone(String what, boolean busy, String answer) throws IOException {
        HttpServer envoy = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        byte[] body = answer.getBytes(StandardCharsets.UTF_8);
        envoy.createContext("/stats", exchange -> {
            try (exchange) {
                exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
                exchange.getResponseBody().write(body);
            }
        });
        envoy.start();
        try {
            assertThat(new EnvoyAdmin(envoy.getAddress().getPort()).isBusy()).isEqualTo(busy);
        } finally {
            envoy.stop(0);
        }
    }
}
