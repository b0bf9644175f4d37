package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** A redirect or direct response at a path of WebSockets: browsers do not follow, and Envoy says 403. */
final class AnsweredUpgrade implements Lint {
    private static final Pattern SOCKET = Pattern.compile(".*(websocket|socket\\.io|/ws)(/.*)?");

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        for (Resource route : scene.set().kind("HTTPRoute")) {
            for (Field rule : route.spec().get("rules").items()) {
                if (ofWebSockets(rule)) {
                    rule.get("filters").items().stream()
                            .filter(f -> answers(scene, route, f))
                            .forEach(f -> found.accept(Scene.warning(
                                    f.origin(),
                                    ProblemCode.UPGRADE_ANSWERED,
                                    "the path looks like one of WebSockets, and a browser follows no redirect of a"
                                            + " handshake; Envoy answers it with 403",
                                    "Forward the path, and have the page use wss: at once.")));
                }
            }
        }
    }

    /** By the paths that a rule matches. */
    static boolean ofWebSockets(Field rule) {
        return rule.get("matches").items().stream()
                .map(m -> m.at("path.value").text("").toLowerCase(Locale.ROOT))
                .anyMatch(p -> SOCKET.matcher(p).matches());
    }

    private static boolean answers(Scene scene, Resource route, Field filter) {
        return filter.get("requestRedirect").present()
                || scene.set()
                        .find(
                                filter.at("extensionRef.kind").text(""),
                                route.ref().namespace(),
                                filter.at("extensionRef.name").text(""))
                        .map(f -> f.spec().get("directResponse").present())
                        .orElse(false);
    }
}
