package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The text of an answer: in place, or in a ConfigMap of the same namespace. */
record Bodies(ResourceSet set, List<Problem> problems) {
    private static final String KEY = "response.body";

    /** Empty text where there is no body; empty where the ConfigMap has none. */
    Optional<String> of(Field body) {
        if (!body.get("type").text("Inline").equals("ValueRef")) {
            return Optional.of(body.get("inline").text(""));
        }
        Field ref = body.get("valueRef");
        String namespace = body.resource().namespace();
        String name = ref.get("name").text("");
        boolean right = ref.get("kind").text("").equals("ConfigMap");
        Optional<Resource> found = right ? set.find("ConfigMap", namespace, name) : Optional.empty();
        if (found.isPresent()) {
            Map<String, String> data = found.get().get("data").texts();
            if (data.containsKey(KEY)) {
                return Optional.ofNullable(data.get(KEY));
            }
            if (!data.isEmpty()) {
                return data.values().stream().findFirst();
            }
        }
        problems.add(Problem.at(
                ref.origin(),
                ProblemCode.INVALID_VALUE,
                Severity.ERROR,
                right
                        ? "ConfigMap " + namespace + "/" + name
                                + (found.isPresent() ? " has no data" : " does not exist")
                        : "a body can only be in a ConfigMap, not in a "
                                + ref.get("kind").text(""),
                "Add a ConfigMap with the key " + KEY + ", or write the body inline."));
        return Optional.empty();
    }
}
