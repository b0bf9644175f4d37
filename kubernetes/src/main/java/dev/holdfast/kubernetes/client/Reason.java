package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;

/** Why the API server did not do what it was asked, in one line. */
public final class Reason {
    private Reason() {}

    public static String of(Throwable thrown) {
        if (thrown instanceof KubernetesClientException refused && refused.getCode() > 0) {
            return "HTTP " + refused.getCode()
                    + (refused.getStatus() == null || refused.getStatus().getMessage() == null
                            ? ""
                            : ": " + refused.getStatus().getMessage());
        }
        Throwable root = thrown;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        if (root instanceof UnresolvedAddressException || root instanceof UnknownHostException) {
            return "its name cannot be resolved";
        }
        return root.getClass().getSimpleName() + (root.getMessage() == null ? "" : ": " + root.getMessage());
    }
}
