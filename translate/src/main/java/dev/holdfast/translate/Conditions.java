package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Conditions in the making: what problems say by their codes, then what holds where none said otherwise. */
final class Conditions {
    /** True says that something is amiss, or worth knowing; of all others False does. */
    private static final Set<String> TELLING = Set.of(
            "Conflicted", "Overridden", "Merged", "Warning", "Aggregated", "PartiallyInvalid", "OverlappingTLSConfig");

    private static final Set<ProblemCode> OF_A_FIELD = Set.of(
            ProblemCode.UNKNOWN_FIELD,
            ProblemCode.WRONG_TYPE,
            ProblemCode.INVALID_VALUE,
            ProblemCode.REQUIRED,
            ProblemCode.NOT_CARRIED_OUT,
            ProblemCode.GUARD_NOT_CARRIED_OUT);

    /** Verdicts whose wording others compare; they stand as they are. */
    private static final Set<ProblemCode> VERBATIM =
            Set.of(ProblemCode.NO_PARENT, ProblemCode.NOT_ALLOWED, ProblemCode.NO_HOSTNAME, ProblemCode.DEPRECATED);

    private final Map<String, Condition> byType = new TreeMap<>();

    Conditions addAll(Collection<Problem> problems) {
        problems.forEach(p -> add(p, p.code().conditionReason(), text(p)));
        return this;
    }

    /** What {@code problem} says, under another reason or in other words. */
    Conditions add(Problem problem, String reason, String message) {
        String type = problem.code().conditionType();
        return type.isEmpty() ? this : add(new Condition(type, TELLING.contains(type), reason, message));
    }

    /** Of two of one type the first has the reason, and both have their say. */
    Conditions add(Condition condition) {
        Condition known = byType.get(condition.type());
        if (known == null) {
            byType.put(condition.type(), condition);
        } else if (!known.message().contains(condition.message())) {
            boolean mixed = known.type().equals("Warning") && !known.reason().equals(condition.reason());
            byType.put(
                    known.type(),
                    new Condition(
                            known.type(),
                            known.holds(),
                            mixed ? "Warnings" : known.reason(),
                            known.message()
                                    + (condition.reason().equals("DeprecatedField") ? "; " : "\n")
                                    + condition.message()));
        }
        return this;
    }

    Conditions otherwise(String type, boolean holds, String reason, String message) {
        byType.putIfAbsent(type, new Condition(type, holds, reason, message));
        return this;
    }

    boolean says(String type, boolean holds) {
        Condition condition = byType.get(type);
        return condition != null && condition.holds() == holds;
    }

    String reason(String type) {
        Condition condition = byType.get(type);
        return condition == null ? "" : condition.reason();
    }

    List<Condition> list() {
        return List.copyOf(byType.values());
    }

    /** A problem's message as a sentence, with its field where the message alone does not name it. */
    static String text(Problem problem) {
        return VERBATIM.contains(problem.code())
                ? problem.message()
                : OF_A_FIELD.contains(problem.code())
                        ? sentence(problem.fieldPath() + ": " + problem.message(), false)
                        : sentence(problem.message(), true);
    }

    private static String sentence(String text, boolean capital) {
        String begun =
                capital && !text.isEmpty() ? text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1) : text;
        return begun.endsWith(".") ? begun : begun + ".";
    }
}
