package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A part of a listener whose streams end with a change, after Envoy's drain time.
 *
 * @param listener Envoy's, such as {@code port-443}
 * @param filterChain the plan's listener, or Envoy's where it has no other; empty for the whole listener
 * @param removed false where something else takes its place
 * @param clusters of the plan, to which its streams may go
 * @param origin of the plan's listener, the first where several share it
 */
public record Replaced(
        String listener, String filterChain, boolean removed, Set<String> clusters, Optional<Origin> origin) {
    public Replaced {
        clusters = Set.copyOf(clusters);
    }

    /** What {@code after} ends of {@code before}: Envoy keeps a filter chain just where it is the same byte by byte. */
    public static List<Replaced> between(XdsResources before, XdsResources after) {
        List<Replaced> out = new ArrayList<>();
        Map<String, Message> next = after.of(ResourceType.LISTENER);
        before.of(ResourceType.LISTENER).forEach((name, message) -> {
            Listener was = (Listener) message;
            Listener is = (Listener) next.get(name);
            if (is == null) {
                out.add(of(before.plan(), name, "", true));
            } else if (!without(was).equals(without(is))) {
                out.add(of(before.plan(), name, "", false));
            } else {
                for (FilterChain chain : was.getFilterChainsList()) {
                    if (!is.getFilterChainsList().contains(chain)) {
                        boolean removed = is.getFilterChainsList().stream()
                                .noneMatch(c -> c.getName().equals(chain.getName()));
                        out.add(of(before.plan(), name, chain.getName(), removed));
                    }
                }
            }
        });
        return List.copyOf(out);
    }

    static Replaced of(Plan plan, String name, String chain, boolean removed) {
        List<dev.holdfast.plan.Listener> listeners = plan.listeners().stream()
                .filter(l -> Listeners.name(l.bindPort()).equals(name)
                        || (QuicListeners.serves(l)
                                && QuicListeners.name(l.bindPort()).equals(name)))
                .filter(l -> chain.isEmpty() || chain.equals(name) || l.name().equals(chain))
                .toList();
        Set<String> clusters = new HashSet<>();
        for (dev.holdfast.plan.Listener listener : listeners) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (route.action() instanceof Route.Action.Forward(List<Route.Destination> destinations)) {
                        destinations.forEach(d -> clusters.add(d.cluster()));
                    }
                }
            }
        }
        Optional<Origin> origin = listeners.stream().findFirst().map(dev.holdfast.plan.Listener::origin);
        for (L4Listener listener : plan.l4()) {
            boolean port = Listeners.name(listener.bindPort()).equals(name)
                    || Relays.udpName(listener.bindPort()).equals(name);
            for (L4Route route : listener.routes()) {
                if (port && (chain.isEmpty() || chain.equals(listener.name() + "/" + route.id()))) {
                    route.destinations().forEach(d -> clusters.add(d.cluster()));
                    origin = origin.or(() -> Optional.of(listener.origin()));
                }
            }
        }
        return new Replaced(name, chain, removed, clusters, origin);
    }

    /** Said before it happens: {@code who} does it, with at most {@code open} streams on it. */
    public Problem problem(String who, long open) {
        String what = filterChain.isEmpty() ? "the whole of " + listener : "the filter chain " + filterChain;
        String message = "this change makes " + who + " " + (removed ? "remove " : "replace ") + what
                + ": it ends the connections that came by it within its drain time, with "
                + (open == 0 ? "no stream" : "at most " + open + (open == 1 ? " stream" : " streams"))
                + " open on them now";
        String fix = removed
                ? "Keep the listener until its streams have ended."
                : "Apply it when few streams are open; docs/planes.md lists what Envoy can change without.";
        return origin.map(o -> Problem.at(o, ProblemCode.STREAMS_CUT, Severity.WARNING, message, fix))
                .orElseGet(() -> Problem.of(ProblemCode.STREAMS_CUT, Severity.WARNING, Optional.empty(), message, fix));
    }

    private static Listener without(Listener listener) {
        return listener.toBuilder().clearFilterChains().build();
    }
}
