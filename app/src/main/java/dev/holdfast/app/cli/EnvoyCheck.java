package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.xds.resource.Chain;
import dev.holdfast.xds.resource.Replaced;
import dev.holdfast.xds.resource.XdsResources;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What {@code check --envoy} adds: what Envoys cannot carry out, and what they would have to cut. */
final class EnvoyCheck {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    @Option(
            names = "--envoy",
            description =
                    "Checks for Envoys: what they cannot carry out, and, where a \"run --envoy\" answers at --admin,"
                            + " how many of its streams this change would cut.")
    private boolean envoy;

    @Mixin
    private AdminOption admin = new AdminOption();

    boolean asked() {
        return envoy;
    }

    List<Problem> of(Plan plan) throws IOException {
        if (!envoy) {
            return List.of();
        }
        XdsResources next = XdsResources.of(plan);
        List<Problem> out = new ArrayList<>(next.problems());
        for (JsonNode node : running()) {
            List<Chain> held = new ArrayList<>();
            node.path("chains")
                    .forEach(c -> held.add(new Chain(
                            c.path("listener").asText(),
                            c.path("filterChain").asText(),
                            c.path("digest").asText(),
                            c.path("streams").asLong())));
            for (Replaced replaced : Chain.replaced(held, next)) {
                out.add(replaced.problem("Envoy " + node.path("id").asText(), open(held, replaced)));
            }
        }
        return out;
    }

    private static long open(List<Chain> held, Replaced replaced) {
        return held.stream()
                .filter(c -> c.listener().equals(replaced.listener())
                        && c.filterChain().equals(replaced.filterChain()))
                .mapToLong(Chain::streams)
                .sum();
    }

    /** The Envoys of the control plane at the admin address; none where there is no such plane. */
    private JsonNode running() throws IOException {
        InetSocketAddress address = admin.address();
        String host = address.getAddress().getHostAddress();
        URI uri = URI.create(
                "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort() + "/api/envoys");
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(PATIENCE).build()) {
            HttpResponse<String> answer = client.send(
                    HttpRequest.newBuilder(uri).timeout(PATIENCE).build(), HttpResponse.BodyHandlers.ofString());
            return answer.statusCode() == 200
                    ? new ObjectMapper().readTree(answer.body())
                    : new ObjectMapper().createArrayNode();
        } catch (java.net.ConnectException nobody) {
            return new ObjectMapper().createArrayNode();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException(stop);
        }
    }
}
