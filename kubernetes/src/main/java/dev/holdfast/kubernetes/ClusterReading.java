package dev.holdfast.kubernetes;

import dev.holdfast.kubernetes.client.Connection;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.read.ReadResult;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/**
 * A cluster as it is at one moment, for commands that look and end. Nothing is written.
 *
 * @param addresses of the Gateways, as their status has them
 */
public record ClusterReading(ReadResult read, Map<ResourceRef, List<String>> addresses) {
    /** Both our GatewayClasses and Envoy Gateway's: whoever asks about a cluster may not have moved yet. */
    private static final Set<String> CONTROLLERS = Set.of(ClusterOptions.OUR_CONTROLLER, ClusterOptions.ENVOY_GATEWAY);

    /** Fails with a line for the user where no cluster is named, it does not answer, or lacks what is needed. */
    public static ClusterReading take(Duration atMost) throws IOException {
        try (KubernetesClient client = Connection.open()) {
            try {
                client.getKubernetesVersion();
            } catch (KubernetesClientException unreachable) {
                throw new IOException(
                        "the API server at " + client.getMasterUrl() + " does not answer: " + Reason.of(unreachable));
            }
            CompletableFuture<ReadResult> first = new CompletableFuture<>();
            try (KubernetesSource source =
                    new KubernetesSource(client, CONTROLLERS, Optional.empty(), first::complete)) {
                source.start();
                return of(source, first, atMost);
            }
        }
    }

    private static ClusterReading of(KubernetesSource source, CompletableFuture<ReadResult> first, Duration atMost)
            throws IOException {
        try {
            ReadResult read = first.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
            Map<ResourceRef, List<String>> addresses = new LinkedHashMap<>();
            for (Resource gateway : read.resources().kind("Gateway")) {
                source.current(gateway.ref()).ifPresent(g -> addresses.put(gateway.ref(), addresses(g)));
            }
            return new ClusterReading(read, addresses);
        } catch (TimeoutException late) {
            String lacks = source.lacking().stream()
                    .filter(p -> p.severity() != Severity.INFO)
                    .map(Problem::message)
                    .collect(Collectors.joining("; "));
            throw new IOException("the cluster could not be read within " + atMost.toSeconds() + " s"
                    + (lacks.isEmpty() ? "" : ": " + lacks));
        } catch (ExecutionException impossible) {
            throw new IOException(impossible);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted");
        }
    }

    private static List<String> addresses(GenericKubernetesResource gateway) {
        Object status = gateway.getAdditionalProperties().get("status");
        return status instanceof Map<?, ?> map && map.get("addresses") instanceof List<?> list
                ? list.stream()
                        .filter(Map.class::isInstance)
                        .map(a -> String.valueOf(((Map<?, ?>) a).get("value")))
                        .toList()
                : List.of();
    }
}
