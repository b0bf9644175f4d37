package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.testkit.leak.LeakGuard;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who passes a guarded route, who does not and why, what the backend gets to see; one behaviour each, over sockets. */
@ExtendWith(LeakGuard.class)
final class SecurityTest {
    /** By crypt(3), of "open sesame". */
    private static final String BCRYPT = "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";

    private static TestGateway with(HttpFilter... filters) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.httpFilters = List.of(filters);
        return gateway.start();
    }

    private static String get(TestGateway gateway, String path, String... headers) throws IOException {
        return ask(gateway, "GET", path, headers);
    }

    private static String ask(TestGateway gateway, String method, String path, String... headers) throws IOException {
        StringBuilder text = new StringBuilder(method + " " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        for (String header : headers) {
            text.append(header).append("\r\n");
        }
        return gateway.all(text.append("\r\n").toString());
    }

    private static void refused(TestGateway gateway, String answer, int status, String reason) {
        assertThat(answer).startsWith("HTTP/1.1 " + status + " ").contains("x-holdfast-reason: " + reason + "\r\n");
        assertThat(gateway.heads).as("what the backend saw").isEmpty();
    }

    // ---- CORS

    private static SecurityFilter.Cors cors(boolean credentials, String... origins) {
        return new SecurityFilter.Cors(
                java.util.stream.Stream.of(origins)
                        .map(SecurityFilter.OriginPattern::new)
                        .toList(),
                List.of("GET", "PUT"),
                List.of("*"),
                List.of("x-total"),
                Duration.ofMinutes(10),
                credentials);
    }

    @Test
    void aPreflightIsAnsweredWithoutTheBackend() throws IOException {
        try (TestGateway gateway = with(cors(false, "https://*.example.com"))) {
            String answer = ask(
                    gateway,
                    "OPTIONS",
                    "/",
                    "Origin: https://app.example.com",
                    "Access-Control-Request-Method: PUT",
                    "Access-Control-Request-Headers: x-a");
            assertThat(answer)
                    .startsWith("HTTP/1.1 200 ")
                    .contains("access-control-allow-origin: https://app.example.com\r\n")
                    .contains("access-control-allow-methods: GET, PUT\r\n")
                    .contains("access-control-allow-headers: *\r\n")
                    .contains("access-control-max-age: 600\r\n")
                    .contains("vary: origin\r\n")
                    .doesNotContain("credentials");
            assertThat(gateway.heads).isEmpty();
        }
    }

    @Test
    void withCredentialsTheWildcardBecomesWhatWasAskedFor() throws IOException {
        try (TestGateway gateway = with(cors(true, "*"))) {
            assertThat(ask(
                            gateway,
                            "OPTIONS",
                            "/",
                            "Origin: https://b.test",
                            "Access-Control-Request-Method: PUT",
                            "Access-Control-Request-Headers: x-a, x-b"))
                    .contains("access-control-allow-headers: x-a, x-b\r\n")
                    .contains("access-control-allow-credentials: true\r\n");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "https://example.com",
                "http://app.example.com",
                "https://app.example.com:8443",
                "https://appexample.com",
                "https://app.example.com.evil.test",
                "null"
            })
    void aPreflightOfAnotherOriginIsRefused(String origin) throws IOException {
        try (TestGateway gateway = with(cors(false, "https://*.example.com"))) {
            String answer = ask(gateway, "OPTIONS", "/", "Origin: " + origin, "Access-Control-Request-Method: GET");
            refused(gateway, answer, 403, "cors_origin_not_allowed");
            assertThat(answer).doesNotContain("access-control-allow");
        }
    }

    @Test
    void theBackendsOwnWordOnOriginsIsReplaced() throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                + "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\r\n"));
        gateway.httpFilters = List.of(cors(false, "https://a.test:443"));
        try (gateway) {
            gateway.start();
            assertThat(get(gateway, "/", "Origin: https://a.test"))
                    .contains("access-control-allow-origin: https://a.test\r\n")
                    .contains("access-control-expose-headers: x-total\r\n")
                    .doesNotContainIgnoringCase("credentials");
            assertThat(get(gateway, "/", "Origin: https://b.test"))
                    .startsWith("HTTP/1.1 200 ")
                    .doesNotContainIgnoringCase("access-control");
        }
    }

    @Test
    void aRefusalOfTheGatewaysOwnCanBeReadByThePage() throws IOException {
        try (TestGateway gateway = with(cors(false, "*"), new SecurityFilter.Authorization(List.of(), false))) {
            assertThat(get(gateway, "/", "Origin: https://a.test"))
                    .startsWith("HTTP/1.1 403 ")
                    .contains("access-control-allow-origin: https://a.test\r\n");
        }
    }

    // ---- CSRF

    @ParameterizedTest
    @CsvSource({
        "POST, Origin: http://a, 200",
        "POST, Origin: http://a:80, 200",
        "POST, Origin: http://sub.b.test, 200",
        "POST, Referer: http://a/page, 200",
        "POST, Origin: http://evil.test, 403",
        "POST, Origin: http://a:81, 403",
        "POST, Origin: null, 403",
        "POST, X-None: 1, 403",
        "DELETE, Referer: http://evil.test/http://a/, 403",
        "GET, Origin: http://evil.test, 200",
    })
    void whatChangesSomethingComesFromThisHost(String method, String header, int status) throws IOException {
        SecurityFilter csrf =
                new SecurityFilter.Csrf(List.of(new SecurityFilter.OriginPattern("https://*.b.test:80")), 0);
        try (TestGateway gateway = with(csrf)) {
            assertThat(ask(gateway, method, "/", header, "Content-Length: 0")).startsWith("HTTP/1.1 " + status + " ");
            assertThat(gateway.heads).hasSize(status == 200 ? 1 : 0);
        }
    }

    // ---- basic

    private static SecurityFilter.BasicAuth users(String... lines) {
        return new SecurityFilter.BasicAuth(
                java.util.stream.Stream.of(lines).map(SecretText::new).toList(), "x-user");
    }

    /** htpasswd -bns, of "secret". */
    private static final String SHA = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

    private static String basic(String pair) {
        return "Authorization: Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aUserWithTheRightPasswordPassesAndTheBackendLearnsTheName() throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA))) {
            assertThat(get(gateway, "/a", basic("ann:secret"), "X-User: root")).endsWith("/a");
            assertThat(gateway.heads.getFirst()).contains("x-user: ann\r\n").doesNotContain("root");
        }
    }

    @Test
    void aHeaderNamedHopByHopStillReachesTheBackend() throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA))) {
            gateway.all(
                    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-user\r\n" + basic("ann:secret") + "\r\n\r\n");
            assertThat(gateway.heads.getFirst()).contains("x-user: ann\r\n");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ann:wrong", "ann:", "bob:secret", ":secret", "Ann:secret", "ann", "ann:secret "})
    void aWrongPairIsRefusedWithAChallenge(String pair) throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA))) {
            String answer = get(gateway, "/", basic(pair));
            refused(gateway, answer, 401, "credentials_wrong");
            assertThat(answer).containsIgnoringCase("www-authenticate: Basic realm=");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"X-None: 1", "Authorization: Bearer YW5uOnNlY3JldA==", "Authorization: Basic", "Authorization: "
            })
    void noCredentialsAreRefusedWithAChallenge(String header) throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA))) {
            String answer = get(gateway, "/", header);
            refused(gateway, answer, 401, "credentials_missing");
            assertThat(answer).containsIgnoringCase("www-authenticate: Basic realm=");
        }
    }

    @Test
    void aPasswordHashedWithBcryptIsCheckedAndRemembered() throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA, "eve:" + BCRYPT))) {
            for (int i = 0; i < 2; i++) {
                assertThat(get(gateway, "/a", basic("eve:open sesame"))).endsWith("/a");
            }
            assertThat(get(gateway, "/a", basic("ann:secret"))).endsWith("/a");
            gateway.heads.clear();
            refused(gateway, get(gateway, "/", basic("eve:secret")), 401, "credentials_wrong");
            refused(gateway, get(gateway, "/", basic("ann:open sesame")), 401, "credentials_wrong");
            refused(gateway, get(gateway, "/", basic("bob:open sesame")), 401, "credentials_wrong");
        }
    }

    @Test
    void aBodySentBeforeTheSlowCheckIsDoneReachesTheBackend() throws IOException {
        TestGateway gateway = new TestGateway((head, in, out) -> {
            String body = new String(in.readNBytes(5), StandardCharsets.ISO_8859_1);
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body);
        });
        gateway.httpFilters = List.of(users("eve:" + BCRYPT));
        try (gateway) {
            gateway.start();
            assertThat(gateway.all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n"
                            + basic("eve:open sesame") + "\r\n\r\nhello"))
                    .endsWith("hello");
        }
    }

    @Test
    void aHandshakeIsGuardedAsAPageIsAndSaysWhy() throws IOException {
        try (TestGateway gateway = with(users("ann:" + SHA))) {
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                String answer = TestGateway.until(client, "\r\n\r\n");
                refused(gateway, answer, 401, "credentials_missing");
            }
            String signed = TestGateway.HANDSHAKE.replace("\r\n\r\n", "\r\n" + basic("ann:secret") + "\r\n\r\n");
            try (Socket client = gateway.client(signed)) {
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
            }
        }
    }

    // ---- API keys

    private static SecurityFilter.ApiKeyAuth keys(boolean sanitize) {
        return new SecurityFilter.ApiKeyAuth(
                Map.of("shop", new SecretText("k-1"), "crm", new SecretText("k-2")),
                List.of(
                        new Source.Header("x-api-key", ""),
                        new Source.Header("authorization", ""),
                        new Source.Parameter("key"),
                        new Source.Cookie("key")),
                sanitize,
                "x-client");
    }

    @ParameterizedTest
    @CsvSource({
        "/a, X-Api-Key: k-1, shop",
        "/a, Authorization: Bearer k-2, crm",
        "/a?b=1&key=k-1, X-None: 1, shop",
        "/a, Cookie: b=1; key=k-2; c=3, crm",
        "/a?key=k-1, X-Api-Key: k-2, crm",
    })
    void aKnownKeyPassesWhereverItStands(String path, String header, String client) throws IOException {
        try (TestGateway gateway = with(keys(true))) {
            assertThat(get(gateway, path, header, "X-Client: root")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.heads.getFirst())
                    .contains("x-client: " + client + "\r\n")
                    .doesNotContain("k-1")
                    .doesNotContain("k-2")
                    .doesNotContain("root");
        }
    }

    @Test
    void takingAKeyOutLeavesTheRestOfQueryAndCookies() throws IOException {
        try (TestGateway gateway = with(keys(true))) {
            get(gateway, "/a?b=1&key=k-1&c=%20", "Cookie: b=1; key=k-2; c=3");
            assertThat(gateway.heads.getFirst())
                    .startsWith("GET /a?b=1&c=%20 HTTP/1.1\r\n")
                    .contains("ookie: b=1; c=3\r\n");
        }
    }

    @Test
    void aKeyStaysWhereThePolicyDoesNotSayToTakeItOut() throws IOException {
        try (TestGateway gateway = with(keys(false))) {
            get(gateway, "/a?key=k-1");
            assertThat(gateway.heads.getFirst()).startsWith("GET /a?key=k-1 ");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "/a, X-None: 1, credentials_missing",
        "/a?key=, X-Api-Key:, credentials_missing",
        "/a, X-Api-Key: k-3, credentials_wrong",
        "/a?key=k-1, X-Api-Key: shop, credentials_wrong",
        "/a, X-Api-Key: K-1, credentials_wrong",
    })
    void anUnknownKeyIsRefused(String path, String header, String reason) throws IOException {
        try (TestGateway gateway = with(keys(true))) {
            refused(gateway, get(gateway, path, header), 401, reason);
        }
    }

    // ---- authorization

    private static SecurityFilter.Rule rule(
            boolean allow,
            String cidr,
            List<SecurityFilter.HeaderValues> headers,
            String method,
            Route.PathMatch path) {
        return new SecurityFilter.Rule(
                "r",
                allow,
                cidr.isEmpty() ? List.of() : List.of(Cidr.parse(cidr).orElseThrow()),
                Optional.empty(),
                headers,
                method.isEmpty() ? List.of() : List.of(method),
                Optional.ofNullable(path).map(p -> new SecurityFilter.PathTest(p, false)),
                "");
    }

    private static int status(SecurityFilter.Authorization rules, String method, String path, String... headers)
            throws IOException {
        try (TestGateway gateway = with(rules)) {
            String answer = ask(gateway, method, path, headers);
            int status = Integer.parseInt(answer.substring(9, 12));
            if (status != 200) {
                refused(gateway, answer, 403, "not_authorized");
            }
            return status;
        }
    }

    private static SecurityFilter.Authorization rules(boolean allow, SecurityFilter.Rule... rules) {
        return new SecurityFilter.Authorization(List.of(rules), allow);
    }

    @Test
    void theDefaultDecidesWhereNoRuleDoes() throws IOException {
        assertThat(status(rules(true), "GET", "/")).isEqualTo(200);
        assertThat(status(rules(false), "GET", "/")).isEqualTo(403);
    }

    @Test
    void theClientsAddressDecides() throws IOException {
        assertThat(status(rules(false, rule(true, "127.0.0.0/8", List.of(), "", null)), "GET", "/"))
                .isEqualTo(200);
        assertThat(status(rules(false, rule(true, "10.0.0.0/8", List.of(), "", null)), "GET", "/"))
                .isEqualTo(403);
        assertThat(status(
                        rules(false, rule(true, "10.0.0.0/8", List.of(), "", null)),
                        "GET",
                        "/",
                        "X-Forwarded-For: 10.0.0.1"))
                .as("what a client claims to be")
                .isEqualTo(403);
    }

    @Test
    void theFirstRuleThatMatchesDecides() throws IOException {
        SecurityFilter.Rule denies = rule(false, "127.0.0.1", List.of(), "DELETE", null);
        SecurityFilter.Rule allows = rule(true, "127.0.0.1", List.of(), "", null);
        assertThat(status(rules(false, denies, allows), "DELETE", "/")).isEqualTo(403);
        assertThat(status(rules(false, denies, allows), "GET", "/")).isEqualTo(200);
        assertThat(status(rules(false, allows, denies), "DELETE", "/")).isEqualTo(200);
    }

    private static SecurityFilter.Rule rule(boolean allow, String condition) {
        return new SecurityFilter.Rule(
                "r", allow, List.of(), Optional.empty(), List.of(), List.of(), Optional.empty(), condition);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "request.method == 'GET'",
                "request.path == '/a/b?x=1&y=2'",
                "request.url_path == '/a/b'",
                "request.query.contains('y=2')",
                "request.host == 'a'",
                "request.scheme == 'http' && request.protocol == 'HTTP/1.1'",
                "request.headers['x-role'] == 'ops,admin'",
                "request.headers[':authority'] == request.host",
                "request.headers.exists(h, h == 'x-role')",
                "request.useragent.startsWith('test')",
                "request.referer.matches('^https://.*[.]test/$')",
                "request.time > timestamp('2024-01-01T00:00:00Z')",
                "source.address.startsWith('127.0.0.1:') && source.port > 0",
                "!connection.mtls && !has(connection.subject_peer_certificate)"
            })
    void aConditionIsAskedOfTheRequest(String condition) throws IOException {
        String[] headers = {"X-Role: ops", "X-Role: admin", "User-Agent: test/1", "Referer: https://b.test/"};
        SecurityFilter.Authorization both = rules(false, rule(false, "!(" + condition + ")"), rule(true, condition));
        assertThat(status(both, "GET", "/a/b?x=1&y=2", headers)).isEqualTo(200);
    }

    @Test
    void aConditionThatAsksForWhatIsNotThereDoesNotHold() throws IOException {
        String absent = "request.headers['x-role'] == 'admin'";
        assertThat(status(rules(false, rule(true, absent)), "GET", "/")).isEqualTo(403);
        assertThat(status(rules(true, rule(false, absent)), "GET", "/")).isEqualTo(200);
    }

    @Test
    void aConditionThatCannotBeToldCountsAgainstTheRequest() throws IOException {
        for (String untold : List.of("1 / (size(request.query) - 3) == 1", "request.method", "request.path > 1")) {
            assertThat(status(rules(false, rule(true, untold)), "GET", "/?a=b")).isEqualTo(403);
            assertThat(status(rules(true, rule(false, untold)), "GET", "/?a=b")).isEqualTo(403);
        }
    }

    @Test
    void aConditionMustHoldForEachReadingOfAPathThatAllows() throws IOException {
        assertThat(status(rules(false, rule(true, "request.path.startsWith('/x%2f')")), "GET", "/x%2fadmin"))
                .isEqualTo(403);
        assertThat(status(rules(true, rule(false, "request.path.startsWith('/x/admin')")), "GET", "/x%2fadmin"))
                .isEqualTo(403);
    }

    @Test
    void aHeaderMustBeOneOfItsValuesAndCannotBeHiddenInAList() throws IOException {
        List<SecurityFilter.HeaderValues> admin =
                List.of(new SecurityFilter.HeaderValues("x-role", List.of("admin", "ops")));
        SecurityFilter.Authorization allow = rules(false, rule(true, "", admin, "", null));
        assertThat(status(allow, "GET", "/", "X-Role: ops")).isEqualTo(200);
        assertThat(status(allow, "GET", "/", "X-Role: user")).isEqualTo(403);
        assertThat(status(allow, "GET", "/", "X-Role: user", "X-Role: admin")).isEqualTo(403);
        assertThat(status(allow, "GET", "/")).isEqualTo(403);
        SecurityFilter.Authorization deny = rules(true, rule(false, "", admin, "", null));
        assertThat(status(deny, "GET", "/", "X-Role: user")).isEqualTo(200);
        assertThat(status(deny, "GET", "/", "X-Role: user, admin")).isEqualTo(403);
        assertThat(status(deny, "GET", "/", "X-Role: user", "X-Role: admin")).isEqualTo(403);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/admin",
                "/admin/",
                "/admin/x?y",
                "/x/../admin",
                "//admin",
                "/%61dmin",
                "/admin%2Fx",
                "/x/..%2fadmin/.."
            })
    void noSpellingOfAPathSlipsPastARuleThatDenies(String path) throws IOException {
        SecurityFilter.Rule denies = rule(false, "127.0.0.1", List.of(), "", new Route.PathMatch.Prefix("/admin"));
        int status = status(rules(true, denies), "GET", path);
        assertThat(status).isEqualTo(path.contains("..%2f") ? 200 : 403);
    }

    @Test
    void aPathAllowedByItsPrefixMustBeUnderItInEachReading() throws IOException {
        SecurityFilter.Rule allows = rule(true, "127.0.0.1", List.of(), "", new Route.PathMatch.Prefix("/pub"));
        assertThat(status(rules(false, allows), "GET", "/pub/x")).isEqualTo(200);
        assertThat(status(rules(false, allows), "GET", "/public")).isEqualTo(403);
        assertThat(status(rules(false, allows), "GET", "/pub%2Fx")).isEqualTo(403);
    }

    @Test
    void anExpressionThatTakesTooLongCountsAgainstTheRequest() throws IOException {
        Route.PathMatch hard = new Route.PathMatch.Regex("/(.*a){12}b");
        String path = "/" + "a".repeat(100);
        assertThat(status(rules(true, rule(false, "127.0.0.1", List.of(), "", hard)), "GET", path))
                .isEqualTo(403);
        assertThat(status(rules(false, rule(true, "127.0.0.1", List.of(), "", hard)), "GET", path))
                .isEqualTo(403);
    }
}
