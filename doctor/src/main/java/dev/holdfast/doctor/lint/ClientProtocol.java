package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.function.Consumer;

/** The client's protocol towards a backend of which nothing says that it speaks HTTP/2. */
final class ClientProtocol implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy").forEach(policy -> {
            Field field = policy.spec().get("useClientProtocol");
            if (!field.flag(false)) {
                return;
            }
            List<String> old = scene.reaches(policy).stream()
                    .filter(r -> r.ref().kind().equals("HTTPRoute"))
                    .flatMap(r -> scene.backendsOf(r).stream())
                    .filter(BackendFacts::onlyHttp1)
                    .map(BackendFacts::name)
                    .distinct()
                    .toList();
            if (!old.isEmpty()) {
                found.accept(Scene.hint(
                                field.origin(),
                                ProblemCode.CLIENT_PROTOCOL,
                                "nothing says that " + String.join(", ", old) + " speaks HTTP/2: on Envoy every HTTP/2"
                                        + " client gets 502, pages included; here such a request falls back to HTTP/1.1",
                                "Remove it: a WebSocket goes by HTTP/1.1 to such a backend anyway.")
                        .withChoice(new Change.Remove(field.path())));
            }
        });
    }
}
