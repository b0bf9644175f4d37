package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Readings;
import dev.holdfast.doctor.probe.Target;
import java.util.Comparator;
import java.util.List;

/** All rules on one case; errors first, then in the order of the rules. */
public final class Diagnosis {
    private static final List<Rule> RULES = List.of(
            new ReachRule(),
            new CertificateRule(),
            new ProtocolRule(),
            new PageRule(),
            new IntermittentRule(),
            new UpgradeRule(),
            new FirstFrameRule(),
            new OriginRule(),
            new ForwardedRule(),
            new EventStreamRule(),
            new IdleRule(),
            new LoadRule(),
            new CoalescingRule());

    private Diagnosis() {}

    public static List<Finding> of(Target target, Options options, Readings readings, Manifests manifests) {
        Case seen = new Case(target, options, readings, manifests);
        return RULES.stream()
                .flatMap(rule -> rule.findings(seen).stream())
                .sorted(Comparator.comparing(Finding::level))
                .toList();
    }
}
