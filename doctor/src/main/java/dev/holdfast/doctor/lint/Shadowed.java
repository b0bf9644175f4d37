package dev.holdfast.doctor.lint;

import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Two routes match exactly the same: the one that comes first takes all. */
final class Shadowed implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        for (Listener listener : scene.plan().listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                Map<Route.Match, Route> first = new HashMap<>();
                for (Route route : host.routes()) {
                    Route before = first.putIfAbsent(route.match(), route);
                    if (before != null && !before.id().equals(route.id())) {
                        found.accept(Scene.warning(
                                route.origin(),
                                ProblemCode.ROUTE_SHADOWED,
                                "no request of host " + host.hostname() + " comes here: " + before.origin()
                                        + " matches the same and comes first",
                                "Make one of the two more specific, or join them."));
                    }
                }
            }
        }
    }
}
