package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Fields that the API takes and Envoy Gateway does nothing with (1.9: marked as not implemented). */
final class IgnoredFields implements Lint {
    private static final SortedMap<String, List<String>> FIELDS = new TreeMap<>(Map.of(
            "ClientTrafficPolicy", List.of("connection.socketBufferLimit"),
            "BackendTrafficPolicy", List.of("connection.socketBufferLimit", "loadBalancer.dynamicModule")));

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        FIELDS.forEach((kind, paths) -> scene.policies(kind).forEach(policy -> {
            for (String path : paths) {
                Field field = policy.spec().at(path);
                if (field.present()) {
                    found.accept(Scene.hint(
                                    field.origin(),
                                    ProblemCode.IGNORED_FIELD,
                                    "Envoy Gateway accepts this field and does nothing with it",
                                    "Remove it.")
                            .withChoice(new Change.Remove(field.path())));
                }
            }
        }));
    }
}
