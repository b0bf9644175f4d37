package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecurityFilter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each reason of docs/reasons.md is given by a live gateway in some test: those that no other test asks for, here. */
final class ReasonsTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    private static final Map<ProxyFailure, Class<?>> WHERE = new EnumMap<>(Map.ofEntries(
            Map.entry(ProxyFailure.NO_ROUTE, ConversationTest.class),
            Map.entry(ProxyFailure.MISDIRECTED, TlsListenerTest.class),
            Map.entry(ProxyFailure.BAD_REQUEST, StrictnessTest.class),
            Map.entry(ProxyFailure.HEADERS_TOO_LARGE, StrictnessTest.class),
            Map.entry(ProxyFailure.UPGRADE_NOT_ALLOWED, ReasonsTest.class),
            Map.entry(ProxyFailure.UPGRADE_MALFORMED, StrictnessTest.class),
            Map.entry(ProxyFailure.UPGRADE_VERSION, ReasonsTest.class),
            Map.entry(ProxyFailure.ORIGIN_NOT_ALLOWED, OriginTest.class),
            Map.entry(ProxyFailure.CLIENT_ADDRESS_UNKNOWN, ClientRulesTest.class),
            Map.entry(ProxyFailure.UPGRADE_REFUSED, StreamingTest.class),
            Map.entry(ProxyFailure.NO_ENDPOINTS, ReasonsTest.class),
            Map.entry(ProxyFailure.OVERLOADED, StreamBudgetTest.class),
            Map.entry(ProxyFailure.STREAM_LIMIT, StreamBudgetTest.class),
            Map.entry(ProxyFailure.CLIENT_STREAM_LIMIT, StreamBudgetTest.class),
            Map.entry(ProxyFailure.DNS_FAILED, StreamingTest.class),
            Map.entry(ProxyFailure.CONNECT_REFUSED, ConversationTest.class),
            Map.entry(ProxyFailure.CONNECT_FAILED, ConversationTest.class),
            Map.entry(ProxyFailure.CONNECT_TIMEOUT, ReasonsTest.class),
            Map.entry(ProxyFailure.UPSTREAM_RESET, ReasonsTest.class),
            Map.entry(ProxyFailure.UPSTREAM_REFUSED, RetryTest.class),
            Map.entry(ProxyFailure.UPSTREAM_PROTOCOL, ReasonsTest.class),
            Map.entry(ProxyFailure.UPSTREAM_TLS, UpstreamTlsTest.class),
            Map.entry(ProxyFailure.REQUEST_TIMEOUT, ConversationTest.class),
            Map.entry(ProxyFailure.BACKEND_TIMEOUT, StreamingTest.class),
            Map.entry(ProxyFailure.REQUEST_RECEIVE_TIMEOUT, StreamingTest.class),
            Map.entry(ProxyFailure.INVALID_BACKEND, L4Test.class),
            Map.entry(ProxyFailure.RATE_LIMITED, TrafficFilterTest.class),
            Map.entry(ProxyFailure.REQUEST_TOO_LARGE, TrafficFilterTest.class),
            Map.entry(ProxyFailure.NOT_ADMITTED, TrafficFilterTest.class),
            Map.entry(ProxyFailure.CORS_ORIGIN, SecurityTest.class),
            Map.entry(ProxyFailure.CROSS_SITE, ReasonsTest.class),
            Map.entry(ProxyFailure.CREDENTIALS_MISSING, SecurityTest.class),
            Map.entry(ProxyFailure.CREDENTIALS_WRONG, SecurityTest.class),
            Map.entry(ProxyFailure.TOKEN_MISSING, TokenTest.class),
            Map.entry(ProxyFailure.TOKEN_INVALID, TokenTest.class),
            Map.entry(ProxyFailure.TOKEN_EXPIRED, TokenTest.class),
            Map.entry(ProxyFailure.KEYS_UNAVAILABLE, TokenTest.class),
            Map.entry(ProxyFailure.EXT_AUTH_DENIED, ExtAuthTest.class),
            Map.entry(ProxyFailure.EXT_AUTH_FAILED, ExtAuthTest.class),
            Map.entry(ProxyFailure.LOGIN_REQUIRED, OidcTest.class),
            Map.entry(ProxyFailure.LOGIN_FAILED, OidcTest.class),
            Map.entry(ProxyFailure.LOGIN_UNAVAILABLE, OidcTest.class),
            Map.entry(ProxyFailure.NOT_AUTHORIZED, SecurityTest.class),
            Map.entry(ProxyFailure.PLACE_UNKNOWN, PlacesTest.class),
            Map.entry(ProxyFailure.FAULT, FilterTest.class),
            Map.entry(ProxyFailure.SHUTTING_DOWN, L4Test.class)));

    /** In a text of that test's, not only in the table above. */
    @ParameterizedTest
    @EnumSource(ProxyFailure.class)
    void isGivenByALiveGatewayInSomeTest(ProxyFailure failure) throws IOException {
        Class<?> test = WHERE.get(failure);
        assertThat(test).as("the test that makes a gateway answer %s", failure).isNotNull();
        String source = Files.readString(Path.of("src/test/java", test.getName().replace('.', '/') + ".java"));
        assertThat(Pattern.compile("\"[^\"\n]*\\b" + failure.reason() + "\\b[^\"\n]*\"")
                        .matcher(source)
                        .find())
                .as("%s asks for \"%s\"", test.getSimpleName(), failure.reason())
                .isTrue();
    }

    static Stream<Arguments> backends() {
        TestGateway.Script goes = (head, in, out) -> {
            throw new IOException("gone without an answer");
        };
        return Stream.of(
                arguments("upstream_reset", 502, goes),
                arguments("upstream_protocol", 502, TestGateway.says("HELLO\r\n\r\n")),
                arguments("upstream_protocol", 502, TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")));
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aBackendThatDoesNotAnswerWell(String reason, int status, TestGateway.Script script) throws IOException {
        try (TestGateway gateway = new TestGateway(script).start()) {
            answered(gateway.all(GET), reason, status);
        }
    }

    private static void answered(String answer, String reason, int status) {
        assertThat(answer)
                .startsWith("HTTP/1.1 " + status + " ")
                .contains("x-holdfast-reason: " + reason + "\r\n")
                .endsWith(reason + "\n");
    }

    @Test
    void aBackendThatTakesNoConnection() throws IOException {
        try (FullBacklog full = new FullBacklog();
                TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.endpoint = Optional.of(full.endpoint());
            gateway.connectTimeout = Duration.ofMillis(200);
            gateway.start();
            answered(gateway.all(GET), "connect_timeout", 504);
        }
    }

    @Test
    void aBackendWithoutAnAddress() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            Plan plan = gateway.plan();
            gateway.plane.apply(new Plan(
                    plan.listeners(), Map.of("c", plan.clusters().get("c").at(List.of())), List.of()));
            answered(gateway.all(GET), "no_endpoints", 503);
        }
    }

    @Test
    void aWebSocketOfAnotherVersion() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells()).start()) {
            String answer = gateway.all(TestGateway.HANDSHAKE.replace("Version: 13", "Version: 8"));
            answered(answer, "upgrade_version", 426);
            // RFC 6455 §4.4: the versions that are spoken.
            assertThat(answer).containsIgnoringCase("sec-websocket-version: 13\r\n");
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void anUpgradeThatTheRouteDoesNotAllow() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.upgrades = Set.of();
            gateway.start();
            answered(gateway.all(TestGateway.HANDSHAKE), "upgrade_not_allowed", 403);
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void aRequestFromAnotherSite() throws IOException {
        HttpFilter csrf = new SecurityFilter.Csrf(List.of(), 0);
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.httpFilters = List.of(csrf);
            gateway.start();
            answered(
                    gateway.all("POST /a HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.test\r\nContent-Length: 0\r\n"
                            + "Connection: close\r\n\r\n"),
                    "cross_site_request",
                    403);
        }
    }
}
