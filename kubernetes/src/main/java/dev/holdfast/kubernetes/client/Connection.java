package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The API server as the environment names it: KUBECONFIG, the in-cluster service account, or ~/.kube/config. */
public final class Connection {
    private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount/namespace");

    private Connection() {}

    /** A client; that the API server answers is not known yet. Fails where nothing names one. */
    public static KubernetesClient open() throws IOException {
        String configs = System.getenv("KUBECONFIG");
        if (configs != null
                && !configs.isBlank()
                && Arrays.stream(configs.split(File.pathSeparator)).noneMatch(c -> Files.isRegularFile(Path.of(c)))) {
            throw new IOException("KUBECONFIG names " + configs + ", which is not there or cannot be read");
        }
        Config found = Config.autoConfigure(null);
        boolean named = System.getenv("KUBERNETES_SERVICE_HOST") != null
                || (configs != null && !configs.isBlank())
                || Files.exists(Path.of(System.getProperty("user.home"), ".kube", "config"));
        if (!named) {
            throw new IOException("no cluster is named: set KUBECONFIG, or run in a Pod with a service account");
        }
        Config config = new ConfigBuilder(found)
                .withRequestTimeout(20_000)
                .withConnectionTimeout(5_000)
                .withRequestRetryBackoffLimit(0)
                .withWatchReconnectInterval(500)
                .build();
        return new KubernetesClientBuilder().withConfig(config).build();
    }

    /** Our own namespace: the Pod's, else the kubeconfig's. */
    public static String namespace(KubernetesClient client) {
        try {
            if (Files.exists(ACCOUNT)) {
                return Files.readString(ACCOUNT, StandardCharsets.UTF_8).strip();
            }
        } catch (IOException notReadable) {
            // The configuration's, then.
        }
        String namespace = client.getNamespace();
        return namespace == null || namespace.isEmpty() ? "default" : namespace;
    }
}
