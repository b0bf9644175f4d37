package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** HTTP/2 on both sides: one gateway before another, so that each end's client and server meet. */
class Http2Test {
    private static final Origin ORIGIN =
            new Origin(new ResourceRef("gateway.networking.k8s.io", "Gateway", "d", "g"), "spec", Optional.empty());

    private final DataPlane front = new DataPlane(new SimpleMeterRegistry(), AccessLog.off());
    private final DataPlane middle = new DataPlane(new SimpleMeterRegistry(), AccessLog.off());
    private RawBackend backend;

    @BeforeEach
    void start() throws IOException {
        backend = new RawBackend();
    }

    @AfterEach
    void stop() throws IOException {
        front.close();
        middle.close();
        backend.close();
    }

    private static int free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static int serve(
            DataPlane plane, int backendPort, Cluster.Protocol protocol, boolean useClient, List<String> alpn)
            throws IOException {
        Cluster cluster = new Cluster(
                "c",
                List.of(new Cluster.Endpoint("127.0.0.1", backendPort)),
                protocol,
                useClient,
                Optional.empty(),
                Cluster.CircuitBreaker.DEFAULT,
                0,
                false,
                Optional.empty(),
                Duration.ofSeconds(5),
                Duration.ofMinutes(1),
                Duration.ZERO,
                Http2Settings.DEFAULT,
                ORIGIN);
        Route route = new Route(
                "d/app/0/0",
                "d/app",
                new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(), List.of()),
                new Route.Action.Forward(List.of(new Route.Destination("c", 1, 0, List.of()))),
                List.of(),
                Duration.ofSeconds(15),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of("websocket"),
                dev.holdfast.plan.StreamRules.DEFAULT,
                ORIGIN);
        Optional<Tls> tls = alpn.isEmpty()
                ? Optional.empty()
                : Optional.of(new Tls(
                        List.of(new Tls.Certificate("cert", resource("cert.pem"), new SecretText(resource("key.pem")))),
                        alpn,
                        "TLSv1.2",
                        "TLSv1.3"));
        Applied applied = plane.apply(new Plan(
                List.of(new Listener(
                        "d/g/l",
                        443,
                        free(),
                        Optional.empty(),
                        tls,
                        HttpSettings.DEFAULT,
                        List.of(new VirtualHost("*", List.of(route))),
                        ORIGIN)),
                Map.of("c", cluster),
                List.of()));
        assertThat(applied.problems()).isEmpty();
        return applied.boundPorts().get("d/g/l");
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = Http2Test.class.getResourceAsStream("/" + name)) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    private static HttpClient client() throws Exception {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        return HttpClient.newBuilder().sslContext(trusting).build();
    }

    @Test
    void theServersAlpnOrderDecides() throws Exception {
        int h2First = serve(front, backend.port(), Cluster.Protocol.AUTO, false, List.of("h2", "http/1.1"));
        int h1First = serve(middle, backend.port(), Cluster.Protocol.AUTO, false, List.of("http/1.1", "h2"));
        try (HttpClient client = client()) {
            assertThat(get(client, h2First, "/a").version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(get(client, h1First, "/a").version()).isEqualTo(HttpClient.Version.HTTP_1_1);
        }
    }

    private static HttpResponse<byte[]> get(HttpClient client, int port, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://localhost:" + port + path))
                .timeout(Duration.ofSeconds(20))
                .build();
        return client.send(request, HttpResponse.BodyHandlers.ofByteArray());
    }

    @Test
    void bridgesHttp2PagesAndUploadsToAnHttp1Backend() throws Exception {
        int port = serve(front, backend.port(), Cluster.Protocol.AUTO, false, List.of("h2"));
        try (HttpClient client = client()) {
            assertThat(get(client, port, "/big").body()).hasSize(1_000_000);
            HttpResponse<String> upload = client.send(
                    HttpRequest.newBuilder(URI.create("https://localhost:" + port + "/up"))
                            .timeout(Duration.ofSeconds(20))
                            .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[3_000_000]))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(upload.body()).isEqualTo("/up 3000000");
        }
    }

    /** The price that Envoy makes its users pay for useClientProtocol is a 502 here; ours is a warning. */
    @Test
    void useClientProtocolFallsBackWhereTheBackendIsHttp1Only() throws Exception {
        int port = serve(front, backend.port(), Cluster.Protocol.AUTO, true, List.of("h2"));
        try (HttpClient client = client()) {
            HttpResponse<byte[]> response = get(client, port, "/page");
            assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(get(client, port, "/page").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void bridgesAWebSocketByExtendedConnectToAnHttp1Backend() throws Exception {
        int inner = serve(middle, backend.port(), Cluster.Protocol.AUTO, false, List.of());
        int outer = serve(front, inner, Cluster.Protocol.HTTP2, false, List.of());
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), outer)) {
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write(("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                int octet = socket.getInputStream().read();
                assertThat(octet).as("end of stream after %s", head).isNotNegative();
                head.append((char) octet);
            }
            // RFC 6455 §1.3's own example of key and accept.
            assertThat(head.toString()).startsWith("HTTP/1.1 101").contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            socket.getOutputStream().write(new byte[] {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'h', 'i'});
            assertThat(socket.getInputStream().readNBytes(8)).endsWith('h', 'i');
            assertThat(middle.list()).singleElement().satisfies(s -> {
                assertThat(s.downstreamProtocol()).isEqualTo("h2");
                assertThat(s.upstreamProtocol()).isEqualTo("http/1.1");
            });
            assertThat(backend.heads.getFirst()).containsIgnoringCase("sec-websocket-key");
            middle.drain(Duration.ofSeconds(3));
            assertThat(socket.getInputStream().readNBytes(4)).startsWith((byte) 0x88);
        }
    }
}
