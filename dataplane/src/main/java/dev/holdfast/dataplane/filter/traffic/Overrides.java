package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.TrafficFilter;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The rules of one response override, compiled. */
final class Overrides {
    private final List<Rule> rules;

    private record Rule(TrafficFilter.OverrideRule rule, List<HeaderTest> headers) {
        boolean holds(ResponseHead head, boolean local) {
            if (local ? !rule.local() : !rule.backend()) {
                return false;
            }
            boolean status = rule.statuses().isEmpty();
            for (TrafficFilter.StatusRange range : rule.statuses()) {
                status |= head.status() >= range.from() && head.status() <= range.to();
            }
            if (!status) {
                return false;
            }
            for (HeaderTest test : headers) {
                String found = head.headers().get(test.name);
                if (found == null || !test.value.test(found)) {
                    return false;
                }
            }
            return true;
        }
    }

    private record HeaderTest(String name, Predicate<String> value) {}

    Overrides(TrafficFilter.ResponseOverride override) {
        rules = override.rules().stream()
                .map(r -> new Rule(
                        r,
                        r.headers().stream()
                                .map(h -> new HeaderTest(h.name(), Conditions.matches(h.value())))
                                .toList()))
                .toList();
    }

    TrafficFilter.@Nullable Replacement of(ResponseHead head, boolean local) {
        for (Rule rule : rules) {
            if (rule.holds(head, local)) {
                return rule.rule.replacement();
            }
        }
        return null;
    }
}
