package dev.holdfast.doctor.lint;

import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** All rules, in the order in which they are told. */
public final class Lints {
    private static final List<Lint> ALL = List.of(
            new DroppedPolicy(),
            new UpgradeOff(),
            new AlpnOrder(),
            new StreamTimers(),
            new ClientProtocol(),
            new TlsBackend(),
            new SharedBreaker(),
            new BufferedUpgrade(),
            new AnsweredUpgrade(),
            new UncheckedOrigin(),
            new IgnoredFields(),
            new Expiry(),
            new Shadowed());

    private Lints() {}

    /** What the rules find in {@code set} and the {@code plan} made of it. */
    public static List<Problem> look(ResourceSet set, Plan plan, Instant now) {
        List<Problem> found = new ArrayList<>();
        Scene scene = new Scene(set, plan, now);
        ALL.forEach(lint -> lint.look(scene, found::add));
        return found.stream().distinct().toList();
    }
}
