package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.ProxyHeader;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;

/** Backends that are told by a PROXY header whose a connection is. */
final class ProxyHeaderTest {
    private static final String KEPT = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

    private static ClusterTraffic with(ProxyHeader header) {
        return ClusterTraffic.NONE.by(new ClusterTraffic.Wire(0, false, header));
    }

    private static String header(Socket client, TestGateway gateway) {
        return "PROXY TCP4 127.0.0.1 127.0.0.1 " + client.getLocalPort() + " " + gateway.port() + "\r\nGET /a ";
    }

    @Test
    void eachClientHasConnectionsOfItsOwnAndKeepsThem() throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/a"), 1);
        gateway.clusterTraffic = with(ProxyHeader.V1);
        // The second client's connection takes the place of the first one's, which is idle.
        gateway.breaker = new Cluster.CircuitBreaker(1, 1024, 1024, 0);
        try (gateway) {
            gateway.start();
            try (Socket one = gateway.client(KEPT)) {
                TestGateway.until(one, "/a");
                one.getOutputStream().write(KEPT.getBytes(StandardCharsets.US_ASCII));
                TestGateway.until(one, "/a");
                try (Socket two = gateway.client(KEPT)) {
                    TestGateway.until(two, "/a");
                    assertThat(gateway.heads).hasSize(3);
                    assertThat(gateway.heads.get(0)).startsWith(header(one, gateway));
                    assertThat(gateway.heads.get(1)).startsWith("GET /a ");
                    assertThat(gateway.heads.get(2)).startsWith(header(two, gateway));
                    assertThat(gateway.backends).hasSize(2);
                }
            }
        }
    }

    @Test
    void theClientIsWhomTheListenersRulesFind() throws IOException {
        ClientRules d = ClientRules.DEFAULT;
        TestGateway gateway = new TestGateway(TestGateway.tells(), 1);
        gateway.clusterTraffic = with(ProxyHeader.V1);
        gateway.client = new ClientRules(
                d.connection(),
                new ClientRules.Address.CustomHeader("x-real-client", false),
                d.headers(),
                d.paths(),
                d.http1(),
                d.http2(),
                "");
        try (gateway) {
            gateway.start();
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nX-Real-Client: 192.0.2.7\r\nConnection: close\r\n\r\n");
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nX-Real-Client: 2001:db8::5\r\nConnection: close\r\n\r\n");
            assertThat(gateway.heads.get(0)).startsWith("PROXY TCP4 192.0.2.7 127.0.0.1 0 " + gateway.port());
            assertThat(gateway.heads.get(1)).startsWith("PROXY TCP6 2001:db8::5 ::ffff:127.0.0.1 0 " + gateway.port());
        }
    }

    @Test
    void tlsBeginsAfterTheHeader() throws Exception {
        X509Bundle backend = new Authority().certificate("backend.test");
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                backend.toKeyManagerFactory().getKeyManagers(),
                InsecureTrustManagerFactory.INSTANCE.getTrustManagers(),
                null);
        CompletableFuture<String> header = new CompletableFuture<>();
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
                TestGateway gateway = new TestGateway(TestGateway.tells(), 1)) {
            Thread.ofVirtual().start(() -> {
                try (Socket plain = server.accept()) {
                    header.complete(
                            HexFormat.of().formatHex(plain.getInputStream().readNBytes(28)));
                    SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, "a", 1, true);
                    socket.setUseClientMode(false);
                    socket.getInputStream().read(new byte[4096]);
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                                    .getBytes(StandardCharsets.US_ASCII));
                    socket.close();
                } catch (IOException ended) {
                    header.completeExceptionally(ended);
                }
            });
            gateway.clusterTraffic = with(ProxyHeader.V2);
            gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", server.getLocalPort()));
            gateway.upstreamTls =
                    Optional.of(new Cluster.UpstreamTls("backend.test", "", true, List.of(), Optional.empty()));
            gateway.start();
            try (Socket client = gateway.client(KEPT)) {
                assertThat(TestGateway.until(client, "ok")).startsWith("HTTP/1.1 200 ");
                assertThat(header.get(20, TimeUnit.SECONDS))
                        .isEqualTo("0d0a0d0a000d0a515549540a" + "2111000c" + "7f0000017f000001"
                                + String.format(
                                        java.util.Locale.ROOT, "%04x%04x", client.getLocalPort(), gateway.port()));
            }
        }
    }
}
