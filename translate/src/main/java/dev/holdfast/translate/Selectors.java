package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Kubernetes label selectors: {@code matchLabels} and {@code matchExpressions}, all of which must hold. */
final class Selectors {
    private Selectors() {}

    static boolean matches(Field selector, Map<String, String> labels) {
        return selector.get("matchLabels").texts().entrySet().stream()
                        .allMatch(e -> e.getValue().equals(labels.get(e.getKey())))
                && selector.get("matchExpressions").items().stream().allMatch(e -> expression(e, labels));
    }

    private static boolean expression(Field expression, Map<String, String> labels) {
        String value = labels.get(expression.get("key").text(""));
        Set<String> values =
                expression.get("values").items().stream().map(v -> v.text("")).collect(Collectors.toSet());
        return switch (expression.get("operator").text("")) {
            case "In" -> value != null && values.contains(value);
            case "NotIn" -> value == null || !values.contains(value);
            case "Exists" -> value != null;
            case "DoesNotExist" -> value == null;
            default -> false;
        };
    }
}
