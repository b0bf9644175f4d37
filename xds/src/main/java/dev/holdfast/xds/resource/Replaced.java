package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A part of a listener whose streams end with a change, after Envoy's drain time.
 *
 * @param listener Envoy's, such as {@code port-443}
 * @param filterChain the plan's listener, or Envoy's where it has no other; empty for the whole listener
 * @param removed false where something else takes its place
 */
public record Replaced(String listener, String filterChain, boolean removed) {
    /** What {@code after} ends of {@code before}: Envoy keeps a filter chain just where it is the same byte by byte. */
    public static List<Replaced> between(XdsResources before, XdsResources after) {
        List<Replaced> out = new ArrayList<>();
        Map<String, Message> next = after.of(ResourceType.LISTENER);
        before.of(ResourceType.LISTENER).forEach((name, message) -> {
            Listener was = (Listener) message;
            Listener is = (Listener) next.get(name);
            if (is == null) {
                out.add(new Replaced(name, "", true));
            } else if (!without(was).equals(without(is))) {
                out.add(new Replaced(name, "", false));
            } else {
                for (FilterChain chain : was.getFilterChainsList()) {
                    if (!is.getFilterChainsList().contains(chain)) {
                        boolean removed = is.getFilterChainsList().stream()
                                .noneMatch(c -> c.getName().equals(chain.getName()));
                        out.add(new Replaced(name, chain.getName(), removed));
                    }
                }
            }
        });
        return List.copyOf(out);
    }

    private static Listener without(Listener listener) {
        return listener.toBuilder().clearFilterChains().build();
    }
}
