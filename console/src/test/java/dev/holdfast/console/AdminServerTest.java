package dev.holdfast.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdminServerTest {
    private TestConsole console;

    @BeforeEach
    void start() throws IOException {
        console = TestConsole.onThisMachine();
    }

    @AfterEach
    void stop() {
        console.close();
    }

    private String ask(String method, String path, String headers) throws IOException {
        return console.ask(method, path, headers);
    }

    private String host() {
        return console.host();
    }

    @Test
    void answersWhatItIsAskedAndSaysWhenItIsReady() throws IOException {
        assertThat(ask("GET", "/healthz", host())).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/readyz", host())).startsWith("HTTP/1.1 503");
        console.ready.set(true);
        assertThat(ask("GET", "/readyz", host())).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/metrics", host())).endsWith("m 1\n");
        assertThat(ask("GET", "/api/plan", host())).contains("\"listeners\":[]");
        assertThat(ask("GET", "/", host()))
                .contains("<title>Holdfast</title>")
                .containsIgnoringCase("default-src 'none'");
        assertThat(ask("GET", "/nothing", host())).startsWith("HTTP/1.1 404");
        assertThat(ask("POST", "/api/plan", host())).startsWith("HTTP/1.1 405");
        assertThat(ask("DELETE", "/api/plan", host() + TestConsole.BEARER)).startsWith("HTTP/1.1 405");
        assertThat(ask("GET", "/../../etc/passwd", host())).startsWith("HTTP/1.1 404");
        assertThat(ask("GET", "/vendor/../AdminServer.class", host())).startsWith("HTTP/1.1 404");
        assertThat(ask("OPTIONS", "*", host())).startsWith("HTTP/1.1 4");
    }

    @Test
    void everyFileThatThePageNamesIsThere() throws IOException {
        String page = ask("GET", "/", host());
        List<String> named = java.util.regex.Pattern.compile("(?:src|href)=\"(/[^\"]*\\.\\w+)\"")
                .matcher(page)
                .results()
                .map(m -> m.group(1))
                .distinct()
                .toList();
        assertThat(named).contains("/main.js", "/console.css", "/vendor/uPlot.iife.min.js");
        for (String path : named) {
            assertThat(ask("GET", path, host())).startsWith("HTTP/1.1 200");
        }
        assertThat(ask("GET", "/main.js", host())).contains("text/javascript");
        String main = ask("GET", "/main.js", host());
        assertThat(java.util.regex.Pattern.compile("from '\\.(/\\w+\\.js)'")
                        .matcher(main)
                        .results()
                        .map(m -> m.group(1))
                        .toList())
                .isNotEmpty()
                .allSatisfy(path -> assertThat(ask("GET", path, host())).startsWith("HTTP/1.1 200"));
        // What the policy forbids must not be in it: scripts or styles in the page itself.
        assertThat(page).doesNotContain("<style", "style=", "onclick").doesNotContainPattern("<script(?![^>]* src=)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Host: evil.example\r\n",
                "Host: localhost.evil.example\r\n",
                "Host: 127.0.0.1.evil.example\r\n",
                "Host: [::2]\r\n",
                "Host: \r\n",
                "Host: localhost\r\nOrigin: https://evil.example\r\n",
                "Host: localhost\r\nOrigin: http://localhost:1\r\n",
                "Host: localhost\r\nOrigin: null\r\n"
            })
    void refusesForeignHostsAndOrigins(String headers) throws IOException {
        for (String path : List.of("/", "/api/streams", "/metrics", "/api/session", "/api/events", "/healthz")) {
            assertThat(ask("GET", path, headers + TestConsole.BEARER)).startsWith("HTTP/1.1 403");
        }
        assertThat(ask("DELETE", "/api/streams/known", headers + TestConsole.BEARER))
                .startsWith("HTTP/1.1 403");
        assertThat(console.closed).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "127.0.0.1", "127.8.9.1", "[::1]", "LOCALHOST", "holdfast.localhost"})
    void answersToTheNamesOfThisMachine(String name) throws IOException {
        String host = "Host: " + name + ":" + console.port() + "\r\n";
        assertThat(ask("GET", "/healthz", host)).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/api/streams", host + "Origin: http://" + name + ":" + console.port() + "\r\n"))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void closesAStreamOnlyWithTheToken() throws IOException {
        assertThat(ask("GET", "/api/streams/known", host())).startsWith("HTTP/1.1 405");
        assertThat(ask("DELETE", "/api/streams/known", host()))
                .startsWith("HTTP/1.1 401")
                .containsIgnoringCase("WWW-Authenticate: Bearer");
        assertThat(ask("DELETE", "/api/streams/known", host() + "Authorization: Bearer wrong\r\n"))
                .startsWith("HTTP/1.1 401");
        assertThat(ask("DELETE", "/api/streams/known", host() + "Authorization: Basic " + TestConsole.TOKEN + "\r\n"))
                .startsWith("HTTP/1.1 401");
        assertThat(ask("DELETE", "/api/streams?route=a/b", host())).startsWith("HTTP/1.1 401");
        assertThat(console.closed).isEmpty();
        assertThat(ask("DELETE", "/api/streams/known", host() + TestConsole.BEARER))
                .startsWith("HTTP/1.1 200");
        assertThat(ask("DELETE", "/api/streams/other", host() + TestConsole.BEARER))
                .startsWith("HTTP/1.1 404");
        assertThat(console.closed).containsExactly("known", "other");
    }

    @Test
    void closesAllOfARouteThatIsNamed() throws IOException {
        assertThat(ask("DELETE", "/api/streams?route=shop%2Fweb", host() + TestConsole.BEARER))
                .startsWith("HTTP/1.1 200")
                .endsWith("{\"closing\":3}");
        for (String wrong :
                List.of("/api/streams", "/api/streams?all=1", "/api/streams?route=a&x=1", "/api/streams?")) {
            assertThat(ask("DELETE", wrong, host() + TestConsole.BEARER)).startsWith("HTTP/1.1 400");
        }
        assertThat(console.closed).containsExactly("route shop/web");
    }

    @Test
    void thePageOfThisMachineIsGivenTheTokenAndNoOtherPageIs() throws IOException {
        String mine = host() + "X-Holdfast-Console: 1\r\n";
        assertThat(ask("GET", "/api/session", mine)).contains(TestConsole.TOKEN);
        assertThat(ask("GET", "/api/session", mine + "Sec-Fetch-Site: same-origin\r\n"))
                .contains(TestConsole.TOKEN);
        // A page elsewhere cannot send the header without a preflight, which nobody answers.
        assertThat(ask("GET", "/api/session", host()))
                .startsWith("HTTP/1.1 200")
                .doesNotContain(TestConsole.TOKEN);
        for (String site : List.of("cross-site", "same-site")) {
            assertThat(ask("GET", "/api/session", mine + "Sec-Fetch-Site: " + site + "\r\n"))
                    .doesNotContain(TestConsole.TOKEN);
            assertThat(ask("GET", "/api/streams", host() + "Sec-Fetch-Site: " + site + "\r\n"))
                    .startsWith("HTTP/1.1 403");
        }
        String preflight = ask(
                "OPTIONS",
                "/api/session",
                "Host: localhost:" + console.port() + "\r\nOrigin: https://evil.example\r\n"
                        + "Access-Control-Request-Headers: x-holdfast-console\r\n");
        assertThat(preflight).startsWith("HTTP/1.1 403").doesNotContainIgnoringCase("access-control-allow");
    }

    @Test
    void whereTheTokenIsAlwaysNeededOnlyHealthAndThePageGoWithoutIt() throws IOException {
        try (TestConsole strict = TestConsole.byToken()) {
            for (String path : List.of("/api/streams", "/api/plan", "/api/problems", "/metrics", "/api/events")) {
                assertThat(strict.ask("GET", path, strict.host())).startsWith("HTTP/1.1 401");
            }
            for (String path : List.of("/", "/main.js", "/healthz")) {
                assertThat(strict.ask("GET", path, strict.host())).startsWith("HTTP/1.1 200");
            }
            assertThat(strict.ask("GET", "/api/session", strict.host() + "X-Holdfast-Console: 1\r\n"))
                    .endsWith("{\"tokenAlways\":true}");
            assertThat(strict.ask("GET", "/api/streams", strict.host() + TestConsole.BEARER))
                    .startsWith("HTTP/1.1 200");
        }
    }
}
