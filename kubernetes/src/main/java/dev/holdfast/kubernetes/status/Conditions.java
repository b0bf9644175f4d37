package dev.holdfast.kubernetes.status;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.plan.Condition;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Conditions as the API has them. A condition whose status did not change keeps the time of its last transition. */
record Conditions(long generation, String now) {
    List<Object> of(List<Condition> conditions, @Nullable Object before) {
        return conditions.stream().map(c -> one(c, before)).toList();
    }

    private Object one(Condition condition, @Nullable Object before) {
        String status = condition.holds() ? "True" : "False";
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("type", condition.type());
        out.put("status", status);
        out.put("reason", condition.reason());
        out.put("message", condition.message());
        out.put("observedGeneration", generation);
        out.put(
                "lastTransitionTime",
                Json.entry(before, "type", condition.type())
                        .filter(b -> status.equals(b.get("status")))
                        .flatMap(b -> Optional.ofNullable(b.get("lastTransitionTime")))
                        .orElse(now));
        return out;
    }
}
