package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which pages may open a WebSocket (RFC 6455 §10.2). */
class OriginTest {
    @ParameterizedTest
    @CsvSource(delimiterString = "|", nullValues = "none", textBlock = """
            # Host          | Origin                        | allowed
            a               | none                          | true
            a               | http://a                      | true
            A               | HTTP://a                      | true
            a:8443          | http://a:8443                 | true
            a               | http://a:81                   | false
            a               | http://b                      | false
            a               | http://evil.example           | false
            a               | http://app.example            | false
            a               | https://app.example           | true
            a               | https://app.example:443       | true
            a               | https://app.example:444       | false
            a               | https://APP.example           | true
            a               | https://app.example.evil.test | false
            a               | https://x.tenants.example     | true
            a               | https://x.y.tenants.example   | true
            a               | https://tenants.example       | false
            a               | https://eviltenants.example   | false
            a               | null                          | false
            a               | file://                       | false
            [::1]:80        | http://[::1]                  | true
            """)
    void sameHostAndWhatIsListed(String host, String origin, boolean allowed) throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.rules = Rules.PLAIN
                    .origins("https://app.example", "https://*.tenants.example")
                    .done();
            gateway.start();
            assertOpens(gateway, host, origin, allowed);
        }
    }

    @ParameterizedTest
    @CsvSource({"http://evil.example, true", "null, true"})
    void aStarIsEveryone(String origin, boolean allowed) throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.rules = Rules.PLAIN.origins("*").done();
            gateway.start();
            assertOpens(gateway, "a", origin, allowed);
        }
    }

    /** So that manifests that know nothing of it keep working. */
    @ParameterizedTest
    @CsvSource({"http://evil.example, true", "null, true"})
    void withoutAPolicyNothingIsRefused(String origin, boolean allowed) throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells()).start()) {
            assertOpens(gateway, "a", origin, allowed);
        }
    }

    @ParameterizedTest
    @CsvSource({"http://a, http://evil.example", "http://evil.example, http://a"})
    void twoOriginsMustBothBeAllowed(String one, String two) throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.rules = Rules.PLAIN.sameOrigin().done();
            gateway.start();
            assertOpens(gateway, "a", one + "\r\nOrigin: " + two, false);
        }
    }

    private static void assertOpens(TestGateway gateway, String host, String origin, boolean allowed)
            throws IOException {
        String handshake = TestGateway.HANDSHAKE.replace(
                "Host: a\r\n", "Host: " + host + "\r\n" + (origin == null ? "" : "Origin: " + origin + "\r\n"));
        if (allowed) {
            Ws.open(gateway, handshake).close();
        } else {
            assertThat(gateway.all(handshake))
                    .startsWith("HTTP/1.1 403 ")
                    .contains("x-holdfast-reason: origin_not_allowed");
            assertThat(gateway.heads).isEmpty();
        }
    }
}
