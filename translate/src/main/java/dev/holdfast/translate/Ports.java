package dev.holdfast.translate;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Where the listeners' ports are really bound, so that a redirect leads to a port that answers. */
record Ports(Map<Integer, Integer> bound) {
    static Ports of(List<GatewayListener> listeners, TranslateOptions options) {
        if (options.exposed()) {
            return new Ports(Map.of());
        }
        return new Ports(listeners.stream()
                .collect(Collectors.toMap(GatewayListener::port, GatewayListener::bindPort, (a, b) -> a)));
    }

    int bound(int port) {
        return bound.getOrDefault(port, port);
    }
}
