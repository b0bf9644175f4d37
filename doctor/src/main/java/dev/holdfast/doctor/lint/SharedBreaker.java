package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.function.Consumer;

/** On Envoy an open stream holds a connection and a request of the circuit breaker that pages share with it. */
final class SharedBreaker implements Lint {
    private static final long FEW = 1024;

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy").forEach(policy -> {
            Field breaker = policy.spec().get("circuitBreaker");
            List<Field> limits = List.of(breaker.get("maxConnections"), breaker.get("maxParallelRequests"));
            for (Field limit : limits) {
                if (limit.present() && limit.number(FEW) <= FEW) {
                    found.accept(Scene.hint(
                            limit.origin(),
                            ProblemCode.SHARED_BREAKER,
                            "on Envoy each open WebSocket counts here for as long as it lives, so " + limit.text("")
                                    + " of them leave nothing for pages (503); here streams have a budget of their own",
                            "For Envoy, raise it, or give streams a rule of their own; here, set StreamPolicy's"
                                    + " limits.perCluster."));
                }
            }
        });
    }
}
