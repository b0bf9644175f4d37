package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.testkit.leak.LeakGuard;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A server that decides, asked over HTTP; it is the route's own backend, by another path. */
@ExtendWith(LeakGuard.class)
final class ExtAuthTest {
    private static SecurityFilter.ExtAuth auth(boolean failOpen, int body, boolean override) {
        return new SecurityFilter.ExtAuth(
                new SecurityFilter.AuthServer.Http("c", "/auth", override, List.of("x-user", "x-group")),
                List.of("cookie", "x-group"),
                body,
                failOpen,
                Duration.ofSeconds(5),
                418,
                false,
                Map.of("k", new SecretText("v")));
    }

    /** Requests below /auth get {@code verdict}, all others their path. */
    private static TestGateway with(SecurityFilter.ExtAuth auth, AtomicReference<String> verdict) throws IOException {
        return with(auth, verdict, Optional.empty());
    }

    private static TestGateway with(
            SecurityFilter.ExtAuth auth, AtomicReference<String> verdict, Optional<Route.Connect> connect)
            throws IOException {
        TestGateway gateway = new TestGateway((head, in, out) -> {
            if (!head.split(" ")[1].startsWith("/auth")) {
                TestGateway.tells().serve(head, in, out);
                return;
            }
            int length = head.toLowerCase(java.util.Locale.ROOT).indexOf("content-length: ");
            if (length >= 0) {
                in.readNBytes(Integer.parseInt(
                        head.substring(length + 16, head.indexOf('\r', length)).strip()));
            }
            if (verdict.get().isEmpty()) {
                throw new IOException("gone");
            }
            TestGateway.write(out, verdict.get());
        });
        gateway.httpFilters = List.of(auth);
        gateway.connect = connect;
        return gateway.start();
    }

    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: ann\r\nX-Secret: s\r\n\r\n";

    private static String ask(TestGateway gateway, String line, String... headers) throws IOException {
        StringBuilder text = new StringBuilder(line + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        Stream.of(headers).forEach(h -> text.append(h).append("\r\n"));
        return gateway.all(text.append("\r\n").toString());
    }

    @Test
    void theServerSeesWhatItNeedsAndTellsTheBackendWhoAsks() throws IOException {
        try (TestGateway gateway = with(auth(false, 0, false), new AtomicReference<>(OK))) {
            String answer = ask(
                    gateway,
                    "GET /p?q=1",
                    "Authorization: Bearer t",
                    "Cookie: c=1",
                    "X-Other: o",
                    "X-User: root",
                    "X-Group: g");
            assertThat(answer).startsWith("HTTP/1.1 200 ").endsWith("/p?q=1");
            assertThat(gateway.heads.getFirst())
                    .startsWith("GET /auth/p?q=1 ")
                    .containsIgnoringCase("host: a\r\n")
                    .containsIgnoringCase("authorization: Bearer t\r\n")
                    .containsIgnoringCase("cookie: c=1\r\n")
                    .doesNotContainIgnoringCase("x-other")
                    .doesNotContainIgnoringCase("x-user");
            assertThat(gateway.heads.getLast())
                    .contains("x-user: ann\r\n")
                    .containsIgnoringCase("x-group: g\r\n")
                    .doesNotContain("root")
                    .doesNotContainIgnoringCase("x-secret");
        }
    }

    @Test
    void whatTheServerDoesNotSayOfAClientTheClientMayNotSayEither() throws IOException {
        String silent = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        try (TestGateway gateway = with(auth(false, 0, true), new AtomicReference<>(silent))) {
            ask(gateway, "GET /p", "X-User: root");
            assertThat(gateway.heads.getFirst()).startsWith("GET /auth HTTP/1.1");
            assertThat(gateway.heads.getLast()).startsWith("GET /p ").doesNotContain("root");
        }
    }

    /** By CONNECT the connection to the server would be a tunnel, and no good for the next question. */
    @Test
    void aboutATunnelTheServerIsAskedByGet() throws IOException {
        Optional<Route.Connect> connect = Optional.of(new Route.Connect(false));
        try (TestGateway gateway = with(auth(false, 0, false), new AtomicReference<>(OK), connect)) {
            try (Socket client = gateway.client("CONNECT far.test:22 HTTP/1.1\r\nHost: far.test:22\r\n\r\n")) {
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(gateway.heads.getFirst()).startsWith("GET /auth HTTP/1.1\r\n");
            assertThat(ask(gateway, "GET /p")).startsWith("HTTP/1.1 200 ").endsWith("/p");
        }
    }

    @Test
    void aDenialGrantsNoTunnelWhateverItsStatus() throws IOException {
        Optional<Route.Connect> connect = Optional.of(new Route.Connect(false));
        for (String no : List.of("HTTP/1.1 204 Fine\r\n\r\n", "HTTP/1.1 201 Made\r\nContent-Length: 4\r\n\r\nmade")) {
            try (TestGateway gateway = with(auth(false, 0, false), new AtomicReference<>(no), connect)) {
                assertThat(gateway.all("CONNECT far.test:22 HTTP/1.1\r\nHost: far.test:22\r\n\r\n"))
                        .startsWith("HTTP/1.1 403 ");
                assertThat(gateway.heads).hasSize(1);
            }
        }
    }

    @Test
    void aDenialIsTheServersOwnAnswer() throws IOException {
        String no =
                "HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\nSet-Cookie: s=1\r\nContent-Length: 4\r\n\r\nlog!";
        try (TestGateway gateway = with(auth(true, 0, false), new AtomicReference<>(no))) {
            assertThat(ask(gateway, "GET /p"))
                    .startsWith("HTTP/1.1 302 ")
                    .containsIgnoringCase("location: https://login.test/\r\n")
                    .containsIgnoringCase("set-cookie: s=1\r\n")
                    .contains("x-holdfast-reason: ext_auth_denied\r\n")
                    .endsWith("\r\n\r\nlog!");
            assertThat(gateway.heads).hasSize(1);
        }
    }

    @Test
    void aServerThatFailsLetsNothingPassUnlessThePolicySaysSo() throws IOException {
        for (String verdict : List.of("", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n")) {
            try (TestGateway gateway = with(auth(false, 0, false), new AtomicReference<>(verdict))) {
                assertThat(ask(gateway, "GET /p"))
                        .startsWith("HTTP/1.1 418 ")
                        .contains("x-holdfast-reason: ext_auth_failed\r\n");
                assertThat(gateway.heads).allMatch(h -> h.startsWith("GET /auth/p"));
            }
            try (TestGateway gateway = with(auth(true, 0, false), new AtomicReference<>(verdict))) {
                assertThat(ask(gateway, "GET /p")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void theServerSeesABodyUpToItsLimitAndTheBackendGetsItToo() throws IOException {
        AtomicReference<String> seen = new AtomicReference<>("");
        TestGateway gateway = new TestGateway((head, in, out) -> {
            String body = new String(in.readNBytes(5), StandardCharsets.ISO_8859_1);
            seen.updateAndGet(s -> s + body + ";");
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        gateway.httpFilters = List.of(auth(false, 5, false));
        try (gateway) {
            gateway.start();
            assertThat(gateway.all(
                            "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"))
                    .startsWith("HTTP/1.1 200 ");
            assertThat(seen).hasValue("hello;hello;");
            gateway.heads.clear();
            assertThat(gateway.all(
                            "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello!"))
                    .startsWith("HTTP/1.1 413 ")
                    .contains("request_too_large");
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void aHandshakeIsAskedAboutAsAGet() throws IOException {
        AtomicReference<String> verdict = new AtomicReference<>(OK);
        try (TestGateway gateway = with(auth(false, 100, false), verdict)) {
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
            }
            assertThat(gateway.heads.getFirst()).startsWith("GET /auth/ws ").doesNotContainIgnoringCase("upgrade");
            verdict.set("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                assertThat(TestGateway.until(client, "\r\n\r\n"))
                        .startsWith("HTTP/1.1 401 ")
                        .contains("ext_auth_denied");
            }
        }
    }

    @Test
    void aServerThatSpeaksNoGrpcLetsNothingPass() throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.protocol = Cluster.Protocol.HTTP1;
        gateway.httpFilters = List.of(new SecurityFilter.ExtAuth(
                new SecurityFilter.AuthServer.Grpc("c", "auth"),
                List.of(),
                0,
                false,
                Duration.ofSeconds(5),
                403,
                false,
                Map.of()));
        try (gateway) {
            gateway.start();
            assertThat(ask(gateway, "GET /p")).startsWith("HTTP/1.1 403 ").contains("ext_auth_failed");
        }
    }
}
