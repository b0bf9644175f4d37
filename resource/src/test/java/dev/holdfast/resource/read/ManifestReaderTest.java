package dev.holdfast.resource.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.ResourceSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManifestReaderTest {
    private static Problem only(String yaml) {
        List<Problem> problems = ManifestReader.readText("f.yaml", yaml).problems();
        assertThat(problems).as("%s", problems).hasSize(1);
        return problems.getFirst();
    }

    @Test
    void aPolicyAsTheSeedPrintsItNeedsATarget() {
        Problem problem = only("""
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata:
                  name: envoy
                spec:
                  tls:
                    alpnProtocols:
                      - http/1.1
                      - h2
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.TARGET_REQUIRED);
        assertThat(problem.position().orElseThrow().toString()).isEqualTo("f.yaml:6:3");
        assertThat(problem.render()).contains("either targetRef or targetRefs must be used", "kind: Gateway");
    }

    @Test
    void theSeedsThirdPolicyIsValid() {
        assertThat(ManifestReader.readText("f.yaml", """
                        apiVersion: gateway.envoyproxy.io/v1alpha1
                        kind: BackendTrafficPolicy
                        metadata: {name: home-assistant}
                        spec:
                          targetRefs:
                            - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}
                          useClientProtocol: true
                          httpUpgrade:
                            - type: websocket
                          circuitBreaker: {maxConnections: 1024, maxPendingRequests: 1024, maxParallelRequests: 1024}
                          tcpKeepalive: {probes: 3, idleTime: 60s, interval: 10s}
                          timeout:
                            http: {requestTimeout: 0s, connectionIdleTimeout: 3600s}
                        """).problems()).isEmpty();
    }

    @Test
    void anUnknownFieldIsNamedWithTheNearestKnownOne() {
        Problem problem = only("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: g}
                spec:
                  gatewayClassName: c
                  listeners:
                    - name: http
                      port: 80
                      protcol: HTTP
                      protocol: HTTP
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.UNKNOWN_FIELD);
        assertThat(problem.fieldPath()).isEqualTo("spec.listeners[0].protcol");
        assertThat(problem.position().orElseThrow().line()).isEqualTo(9);
        assertThat(problem.fix()).contains("\"protocol\"");
    }

    @Test
    void aWrongTypeSaysWhatIsThereAndWhatIsExpected() {
        Problem problem = only("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: g}
                spec:
                  gatewayClassName: c
                  listeners:
                    - {name: http, port: "80", protocol: HTTP}
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.WRONG_TYPE);
        assertThat(problem.message()).contains("\"80\"", "integer");
    }

    @Test
    void aSyntaxErrorHasItsPlace() {
        assertThat(only("a: b\nc: [1, 2\nd: e\n").position().orElseThrow().file())
                .isEqualTo("f.yaml");
    }

    @Test
    void aMissingFileIsUnreadable() {
        assertThat(ManifestReader.read(List.of(Path.of("/nowhere/at/all"))).unreadable())
                .isTrue();
    }

    @Test
    void aDuplicateKeyIsNotChosenSilently() {
        assertThat(only("apiVersion: v1\nkind: Service\nkind: Service\nmetadata: {name: a}\n")
                        .code())
                .isEqualTo(ProblemCode.DUPLICATE);
    }

    private static final List<String> PIECES = List.of(
            "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{port: 80}]}\n",
            "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{port: 81}]}\n",
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: NAME}\nspec: {parentRefs: [{name: gw}]}\n",
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: NAME}\nspec: {parentRef: 1}\n",
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: NAME}\nspec: {gatewayClassName: c,"
                    + " listeners: [{name: a, port: 443, protocol: HTTPS}]}\n",
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: ClientTrafficPolicy\nmetadata: {name: NAME}\nspec: {}\n",
            "a: [\n",
            "kind: Nothing\n");

    /** Names that come twice, files that come and go, and what is wrong, in files of which most stay. */
    @Test
    void readAgainIsWhatReadingFromScratchGives(@TempDir Path folder) throws IOException {
        Random random = new Random(7);
        ManifestReader kept = new ManifestReader();
        for (int edit = 0; edit < 300; edit++) {
            Path file = folder.resolve("f" + random.nextInt(12) + ".yaml");
            if (random.nextInt(5) == 0) {
                Files.deleteIfExists(file);
            } else {
                StringBuilder text = new StringBuilder();
                for (int i = random.nextInt(4); i >= 0; i--) {
                    // Most are well, or hardly a set without errors would come.
                    int piece = random.nextInt(random.nextInt(3) == 0 ? PIECES.size() : 3);
                    String name = "n" + random.nextInt(random.nextInt(3) == 0 ? 5 : 500);
                    text.append("---\n").append(PIECES.get(piece).replace("NAME", name));
                }
                Files.writeString(file, text);
            }
            // A file that is old is not read again where it looks the same.
            if (random.nextBoolean() && Files.exists(file)) {
                Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000_000L + edit));
            }
            ReadResult again = kept.readAgain(List.of(folder));
            ReadResult fresh = ManifestReader.read(List.of(folder));
            assertThat(again.resources().resources())
                    .as("edit %s", edit)
                    .isEqualTo(fresh.resources().resources());
            assertThat(again.problems()).isEqualTo(fresh.problems());
            assertThat(again.resources().problems()).isEqualTo(fresh.resources().problems());
            assertThat(again.unreadable()).isEqualTo(fresh.unreadable());
            fresh.resources().resources().forEach(r -> {
                assertThat(again.resources()
                                .find(
                                        r.ref().kind(),
                                        r.ref().namespace(),
                                        r.ref().name()))
                        .contains(r);
                assertThat(again.resources().kind(r.ref().kind()))
                        .isEqualTo(fresh.resources().kind(r.ref().kind()));
            });
        }
    }

    @Test
    void whatIsAsItWasInAFileThatIsAnotherIsTheVerySame(@TempDir Path folder) throws IOException {
        String two =
                PIECES.get(0).replace("NAME", "one") + "---\n" + PIECES.get(0).replace("NAME", "two");
        Files.writeString(folder.resolve("a.yaml"), two);
        Files.writeString(folder.resolve("b.yaml"), PIECES.get(0).replace("NAME", "three"));
        ManifestReader kept = new ManifestReader();
        ResourceSet before = kept.readAgain(List.of(folder)).resources();
        Files.writeString(folder.resolve("a.yaml"), two.replaceFirst("(?s)80(.*)80", "80$182"));
        ResourceSet after = kept.readAgain(List.of(folder)).resources();
        for (String name : List.of("one", "three")) {
            assertThat(after.find("Service", "default", name).orElseThrow())
                    .isSameAs(before.find("Service", "default", name).orElseThrow());
        }
        assertThat(after.othersThan(before).orElseThrow())
                .extracting(ResourceRef::name)
                .containsExactly("two");
    }
}
