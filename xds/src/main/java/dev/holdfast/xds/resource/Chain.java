package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A filter chain as an Envoy has it, or with an empty name the rest of its listener; two with the same digest are the same to
 * Envoy.
 *
 * @param streams at most so many are open on it; 0 in a list of what is to come
 */
public record Chain(String listener, String filterChain, String digest, long streams) {
    /** All of a set of resources, without streams. */
    public static List<Chain> of(XdsResources resources) {
        List<Chain> out = new ArrayList<>();
        for (Map.Entry<String, Message> entry :
                resources.of(ResourceType.LISTENER).entrySet()) {
            Listener listener = (Listener) entry.getValue();
            out.add(new Chain(
                    entry.getKey(),
                    "",
                    digest(listener.toBuilder().clearFilterChains().build()),
                    0));
            for (FilterChain chain : listener.getFilterChainsList()) {
                out.add(new Chain(entry.getKey(), chain.getName(), digest(chain), 0));
            }
        }
        return List.copyOf(out);
    }

    /** The same, each with the clusters of the plan that its streams may go to. */
    public static Map<Chain, Set<String>> withClusters(XdsResources resources) {
        Map<Chain, Set<String>> out = new LinkedHashMap<>();
        for (Chain chain : of(resources)) {
            out.put(
                    chain,
                    Replaced.of(resources.plan(), chain.listener, chain.filterChain, false)
                            .clusters());
        }
        return Collections.unmodifiableMap(out);
    }

    /** What {@code after} ends of what an Envoy has. */
    public static List<Replaced> replaced(List<Chain> held, XdsResources after) {
        Map<String, Chain> next =
                of(after).stream().collect(Collectors.toMap(c -> c.listener + " " + c.filterChain, c -> c));
        List<Replaced> out = new ArrayList<>();
        Set<String> whole = new HashSet<>();
        for (Chain chain : held) {
            Chain is = next.get(chain.listener + " " + chain.filterChain);
            boolean ends = (is == null || !is.digest.equals(chain.digest)) && !whole.contains(chain.listener);
            if (ends && chain.filterChain.isEmpty()) {
                whole.add(chain.listener);
            }
            if (ends) {
                out.add(Replaced.of(after.plan(), chain.listener, chain.filterChain, is == null));
            }
        }
        return List.copyOf(out);
    }

    /** The text form has its maps in order; the binary one promises none. */
    private static String digest(Message message) {
        return Digest.of(Rendering.compact(message).getBytes(StandardCharsets.UTF_8));
    }
}
