package dev.holdfast.doctor.lint;

import dev.holdfast.plan.Route;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A route of which the manifests say that it carries WebSockets, and no StreamPolicy that looks at their Origin. */
final class UncheckedOrigin implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        Map<String, Route> open = scene.plan().listeners().stream()
                .flatMap(l -> l.virtualHosts().stream())
                .flatMap(h -> h.routes().stream())
                .filter(r -> r.action() instanceof Route.Action.Forward)
                .filter(r -> r.upgrades().contains("websocket"))
                .filter(r -> !r.streams().origins().checked())
                .collect(Collectors.toMap(Route::route, r -> r, (first, next) -> first));
        Set<Resource> listed = scene.policies("BackendTrafficPolicy")
                .filter(UncheckedOrigin::listsWebSocket)
                .flatMap(p -> scene.reaches(p).stream())
                .collect(Collectors.toSet());
        for (Resource route : scene.set().kind("HTTPRoute")) {
            Route at = open.get(route.ref().namespace() + "/" + route.ref().name());
            if (at != null && (saysWebSocket(scene, route) || listed.contains(route))) {
                found.accept(Scene.hint(
                                at.origin(),
                                ProblemCode.ORIGIN_UNCHECKED,
                                "a page of any site may open its WebSockets, and a browser sends the visitor's"
                                        + " cookies along (RFC 6455 section 10.2): no StreamPolicy applies",
                                "Unless the application checks Origin itself, add a StreamPolicy: then only pages of"
                                        + " the same host may, and those that allowedOrigins names.")
                        .withFixYaml(policy(route)));
            }
        }
    }

    /** Every route may carry them; only where they are named is it known that one does. */
    private static boolean saysWebSocket(Scene scene, Resource route) {
        return route.spec().get("rules").items().stream().anyMatch(AnsweredUpgrade::ofWebSockets)
                || scene.backendsOf(route).stream().anyMatch(BackendFacts::saysWebSocket);
    }

    private static boolean listsWebSocket(Resource policy) {
        return policy.spec().get("httpUpgrade").items().stream()
                .map((Field i) -> i.get("type").text("").toLowerCase(Locale.ROOT))
                .anyMatch("websocket"::equals);
    }

    private static String policy(Resource route) {
        return """
                apiVersion: holdfast.dev/v1alpha1
                kind: StreamPolicy
                metadata:
                  name: %s
                  namespace: %s
                spec:
                  targetRefs:
                    - group: gateway.networking.k8s.io
                      kind: HTTPRoute
                      name: %s
                """.formatted(
                        route.ref().name(), route.ref().namespace(), route.ref().name());
    }
}
