package dev.holdfast.kubernetes.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.holdfast.kubernetes.client.Written.Outcome;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WrittenTest {
    private static final Map<String, String> MARKS = Map.of("managed-by", "us", "fleet", "web");

    /** By path, what an API server has. */
    private final Map<String, String> there = new ConcurrentHashMap<>();

    private final List<String> patched = new CopyOnWriteArrayList<>();

    /** What was applied, each with its field manager. */
    private final List<Map.Entry<String, Object>> applied = new CopyOnWriteArrayList<>();

    private HttpServer server;
    private KubernetesClient client;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            byte[] body = exchange.getRequestBody().readAllBytes();
            String answer = there.get(path);
            if (exchange.getRequestMethod().equals("PATCH")) {
                patched.add(path);
                answer = new String(body, StandardCharsets.UTF_8);
                Matcher manager = Pattern.compile("fieldManager=([^&]+)")
                        .matcher(exchange.getRequestURI().getQuery());
                applied.add(Map.entry(
                        manager.find() ? manager.group(1) : "",
                        client.getKubernetesSerialization().unmarshal(answer, Map.class)));
                there.put(path, answer);
            }
            byte[] out =
                    (answer == null ? "{\"kind\":\"Status\",\"code\":404}" : answer).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer == null ? 404 : 200, out.length);
            exchange.getResponseBody().write(out);
            exchange.close();
        });
        server.start();
        client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withAutoConfigure(false)
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .build();
    }

    @AfterEach
    void stop() {
        client.close();
        server.stop(0);
    }

    private Outcome claim(String name) {
        return claim(name, Map.of());
    }

    private Outcome claim(String name, Map<String, Object> spec) {
        return new Written(client, "system", "test")
                .claim(
                        Kind.SERVICE.context("v1"),
                        Map.of(
                                "apiVersion",
                                "v1",
                                "kind",
                                "Service",
                                "metadata",
                                Map.of("name", name, "namespace", "system", "labels", MARKS),
                                "spec",
                                spec),
                        null,
                        MARKS);
    }

    private void has(String name, String labels) {
        there.put("/api/v1/namespaces/system/services/" + name, """
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s", "namespace": "system"%s}}
                """.formatted(name, labels));
    }

    @Test
    void anObjectOfNobodyOfAnotherFleetOrOfSomebodyElseIsNotWrittenOver() {
        has("bare", "");
        has("other", ", \"labels\": {\"managed-by\": \"us\", \"fleet\": \"other\"}");
        has("ours", ", \"labels\": {\"managed-by\": \"us\"}");
        assertThat(List.of(claim("bare"), claim("other"), claim("ours"))).containsOnly(Outcome.NOT_FREE);
        assertThat(patched).isEmpty();
    }

    @Test
    void whatIsNotThereIsMadeAndWhatIsOursIsMended() {
        has("known", ", \"labels\": {\"managed-by\": \"us\", \"fleet\": \"web\", \"more\": \"1\"}");
        assertThat(List.of(claim("new"), claim("known"))).containsOnly(Outcome.DONE);
        assertThat(patched)
                .containsExactly("/api/v1/namespaces/system/services/new", "/api/v1/namespaces/system/services/known");
    }

    /** The order of a {@code Map.of} is another in each process, and so with each leader. */
    @Test
    void whoeverLeadsNextWritesNothingAnewForAnotherOrderOfKeys() {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("port", 80);
        one.put("protocol", "TCP");
        Map<String, Object> other = new LinkedHashMap<>();
        other.put("protocol", "TCP");
        other.put("port", 80);
        assertThat(claim("web", Map.of("ports", List.of(one)))).isEqualTo(Outcome.DONE);
        assertThat(claim("web", Map.of("ports", List.of(other)))).isEqualTo(Outcome.DONE);
        assertThat(patched).hasSize(1);
        other.put("port", 81);
        assertThat(claim("web", Map.of("ports", List.of(other)))).isEqualTo(Outcome.DONE);
        assertThat(patched).hasSize(2);
    }

    private Outcome claimDeployment(Map<String, Object> spec) {
        return new Written(client, "system", "test")
                .claim(
                        new ResourceDefinitionContext.Builder()
                                .withGroup("apps")
                                .withVersion("v1")
                                .withKind("Deployment")
                                .withPlural("deployments")
                                .withNamespaced(true)
                                .build(),
                        Map.of(
                                "apiVersion",
                                "apps/v1",
                                "kind",
                                "Deployment",
                                "metadata",
                                Map.of("name", "web", "namespace", "system", "labels", MARKS),
                                "spec",
                                spec),
                        null,
                        MARKS);
    }

    private void hasFivePodsSaidBy(String manager) {
        there.put("/apis/apps/v1/namespaces/system/deployments/web", """
                {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "system", "resourceVersion": "7",
                 "labels": {"managed-by": "us", "fleet": "web"},
                 "managedFields": [{"manager": "%s", "operation": "Apply", "fieldsType": "FieldsV1",
                                    "fieldsV1": {"f:spec": {"f:paused": {}, "f:replicas": {}}}}]},
                 "spec": {"paused": false, "replicas": 5}}
                """.formatted(manager));
    }

    /** Or the API server would take the number away, and put its default there: one Pod, and the streams of the others cut. */
    @Test
    void aNumberOfPodsThatIsOursNoMoreIsLeftToSomebodyBeforeItIsGivenUp() {
        hasFivePodsSaidBy("test");
        assertThat(claimDeployment(Map.of("paused", true))).isEqualTo(Outcome.DONE);
        assertThat(applied).extracting(Map.Entry::getKey).containsExactly("test-replicas", "test");
        Object left = applied.getFirst().getValue();
        assertThat(Json.at(left, "spec")).isEqualTo(Map.of("replicas", 5));
        assertThat(Json.at(left, "metadata", "resourceVersion")).isEqualTo("7");
        assertThat(Json.map(Json.at(applied.getLast().getValue(), "spec"))).doesNotContainKey("replicas");
    }

    @Test
    void aNumberOfPodsThatIsAnothersOrStaysOursIsLeftAlone() {
        hasFivePodsSaidBy("scaler");
        assertThat(claimDeployment(Map.of("paused", true))).isEqualTo(Outcome.DONE);
        hasFivePodsSaidBy("test");
        assertThat(claimDeployment(Map.of("replicas", 2))).isEqualTo(Outcome.DONE);
        assertThat(applied).extracting(Map.Entry::getKey).containsExactly("test", "test");
    }

    @Test
    void whatIsNoNameIsNotEvenAskedFor() {
        assertThat(List.of(claim(""), claim("a/../b"), claim("Web"))).containsOnly(Outcome.NOT_FREE);
        assertThat(patched).isEmpty();
    }

    @Test
    void whereItCannotBeAskedItIsTriedAgain() {
        server.stop(0);
        assertThat(claim("web")).isEqualTo(Outcome.AGAIN);
    }
}
