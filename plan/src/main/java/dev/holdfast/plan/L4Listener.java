package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.util.List;
import java.util.Optional;

/**
 * A Gateway listener whose connections, or datagrams, are relayed as they come.
 *
 * @param name as in {@link Listener}, unique among all listeners
 * @param hostname of TLS; empty matches every name, and may begin with {@code *.}
 * @param routes of TCP and UDP at most one; of TLS the first that fits the name serves
 */
public record L4Listener(
        String name,
        int port,
        int bindPort,
        Layer layer,
        Optional<String> hostname,
        ConnectionSettings connection,
        List<L4Route> routes,
        Origin origin) {
    public L4Listener {
        routes = List.copyOf(routes);
    }

    /** What is looked at before a connection is relayed. */
    public sealed interface Layer {
        record Tcp() implements Layer {}

        record Udp() implements Layer {}

        /** TLS by the name in its ClientHello, which the backend gets as well. */
        record Passthrough() implements Layer {}

        /** TLS that ends here; the backend gets what was in it. */
        record Terminate(Tls tls) implements Layer {}
    }

    /** Whether it shares its port with listeners that are told apart by SNI. */
    public boolean byName() {
        return switch (layer) {
            case Layer.Passthrough() -> true;
            case Layer.Terminate(Tls ignored) -> true;
            case Layer.Tcp() -> false;
            case Layer.Udp() -> false;
        };
    }

    /** {@code tcp}, {@code udp} or {@code tls}: the kind of its streams. */
    public String kind() {
        return switch (layer) {
            case Layer.Tcp() -> "tcp";
            case Layer.Udp() -> "udp";
            case Layer.Passthrough() -> "tls";
            case Layer.Terminate(Tls ignored) -> "tls";
        };
    }
}
