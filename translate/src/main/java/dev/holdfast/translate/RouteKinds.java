package dev.holdfast.translate;

import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.stream.Stream;

/** Which kinds of route a listener takes: those of its protocol, narrowed by {@code allowedRoutes.kinds}. */
final class RouteKinds {
    static final String GROUP = "gateway.networking.k8s.io";

    private RouteKinds() {}

    static List<Outcome.RouteKind> supported(Field listener) {
        List<String> byProtocol = byProtocol(listener);
        List<Field> kinds = listener.at("allowedRoutes.kinds").items();
        return (kinds.isEmpty()
                        ? byProtocol.stream()
                        : kinds.stream()
                                .filter(k -> takes(byProtocol, k))
                                .map(k -> k.get("kind").text(""))
                                .distinct())
                .map(kind -> new Outcome.RouteKind(GROUP, kind))
                .toList();
    }

    /** Names each of {@code allowedRoutes.kinds} that the listener's protocol cannot take. */
    static void check(ResourceSet set, List<Problem> problems) {
        for (Resource gateway : Stream.concat(set.kind("Gateway").stream(), set.kind("ListenerSet").stream())
                .toList()) {
            if (!ListenerSets.gateway(set, gateway)
                    .filter(g -> GatewayClasses.ours(set, g))
                    .isPresent()) {
                continue;
            }
            for (Field listener : gateway.spec().get("listeners").items()) {
                List<String> byProtocol = byProtocol(listener);
                for (Field kind : listener.at("allowedRoutes.kinds").items()) {
                    if (!takes(byProtocol, kind)) {
                        problems.add(Problem.at(
                                kind.origin(),
                                ProblemCode.INVALID_ROUTE_KINDS,
                                Severity.WARNING,
                                kind.get("group").text(GROUP) + "/"
                                        + kind.get("kind").text("")
                                        + " is not supported for protocol "
                                        + listener.get("protocol").text(""),
                                "Name kinds of " + byProtocol + ", or leave kinds out."));
                    }
                }
            }
        }
    }

    private static boolean takes(List<String> byProtocol, Field kind) {
        return kind.get("group").text(GROUP).equals(GROUP)
                && byProtocol.contains(kind.get("kind").text(""));
    }

    private static List<String> byProtocol(Field listener) {
        boolean passthrough = listener.at("tls.mode").text("").equals("Passthrough");
        return GatewayListener.Protocol.of(listener.get("protocol").text(""))
                .map(protocol -> protocol.kinds().stream()
                        .filter(k -> !(passthrough && k.equals("TCPRoute")))
                        .toList())
                .orElse(List.of());
    }
}
