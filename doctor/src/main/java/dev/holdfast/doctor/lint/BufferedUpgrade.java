package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.function.Consumer;

/** A request buffer waits for the end of the request, which an upgrade never has. */
final class BufferedUpgrade implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy").forEach(policy -> {
            Field buffer = policy.spec().get("requestBuffer");
            if (buffer.present() && policy.spec().get("httpUpgrade").items().isEmpty()) {
                found.accept(Scene.warning(
                        buffer.origin(),
                        ProblemCode.UPGRADE_BUFFERED,
                        "on Envoy requestBuffer turns upgrades off on its routes, so WebSockets fail there;"
                                + " here a handshake is not kept back",
                        "Target it at the routes, or rules, that need it and carry no WebSocket."));
            }
        });
    }
}
