package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/** A list of upgrades replaces the default, which is WebSocket. */
final class UpgradeOff implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy").forEach(policy -> {
            Field list = policy.spec().get("httpUpgrade");
            List<String> types = list.items().stream()
                    .map(i -> i.get("type").text("").toLowerCase(Locale.ROOT))
                    .toList();
            if (!types.isEmpty() && !types.contains("websocket")) {
                found.accept(Scene.warning(
                                list.origin(),
                                ProblemCode.UPGRADE_OFF,
                                "the list replaces the default, so with " + types + " alone WebSocket is turned off",
                                "Add websocket to the list, unless that is meant.")
                        .withFixYaml("httpUpgrade:\n  - type: websocket\n"
                                + types.stream()
                                        .map(t -> "  - type: " + t + "\n")
                                        .reduce("", String::concat)));
            }
        });
    }
}
