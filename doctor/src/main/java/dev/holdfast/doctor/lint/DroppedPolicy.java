package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/** A route's policy replaces its Gateway's whole: what only the Gateway's says is lost there. */
final class DroppedPolicy implements Lint {
    private static final Set<String> NOT_SETTINGS = Set.of("targetRef", "targetRefs", "targetSelectors", "mergeType");

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy")
                .filter(p -> !p.spec().get("mergeType").present())
                .forEach(policy -> scene.routesOf(policy)
                        .forEach(route ->
                                scene.policiesOfGateways(route).forEach(wide -> compare(policy, wide, found))));
    }

    private static void compare(Resource narrow, Resource wide, Consumer<Problem> found) {
        Set<String> lost = settings(wide);
        lost.removeAll(settings(narrow));
        if (!lost.isEmpty()) {
            found.accept(Scene.warning(
                            narrow.spec().origin(),
                            ProblemCode.POLICY_DROPPED,
                            "this policy replaces " + wide.ref() + " whole on its route, and drops its "
                                    + String.join(", ", lost),
                            "Lay it over the Gateway's with mergeType: StrategicMerge, or repeat here what is to hold.")
                    .withChoice(new Change.Add("spec", "mergeType: StrategicMerge")));
        }
    }

    private static Set<String> settings(Resource policy) {
        Set<String> out = new TreeSet<>();
        if (policy.spec().node() instanceof Node.Mapping map) {
            out.addAll(map.entries().keySet());
        }
        out.removeAll(NOT_SETTINGS);
        return out;
    }
}
