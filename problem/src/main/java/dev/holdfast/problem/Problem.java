package dev.holdfast.problem;

import java.util.List;
import java.util.Optional;

/**
 * A user's mistake as a value: what is there, what was expected, and one imperative sentence that mends it.
 *
 * @param fixYaml the lines to add or put in place, empty where none help
 * @param changes what mends it, in order; empty where only a person can say
 * @param safe whether the changes may be made without asking: they give the manifest the one meaning it can have
 */
public record Problem(
        ProblemCode code,
        Severity severity,
        Optional<ResourceRef> resource,
        String fieldPath,
        Optional<SourcePosition> position,
        String message,
        String fix,
        String fixYaml,
        List<Change> changes,
        boolean safe) {
    public Problem {
        changes = List.copyOf(changes);
    }

    /** A problem that only a person can mend. */
    public Problem(
            ProblemCode code,
            Severity severity,
            Optional<ResourceRef> resource,
            String fieldPath,
            Optional<SourcePosition> position,
            String message,
            String fix,
            String fixYaml) {
        this(code, severity, resource, fieldPath, position, message, fix, fixYaml, List.of(), false);
    }

    /** A problem at the place {@code origin} names. */
    public static Problem at(Origin origin, ProblemCode code, Severity severity, String message, String fix) {
        return new Problem(
                code,
                severity,
                Optional.of(origin.resource()),
                origin.fieldPath(),
                origin.position(),
                message,
                fix,
                "");
    }

    /** A problem of a whole file or of the command's input. */
    public static Problem of(
            ProblemCode code, Severity severity, Optional<SourcePosition> position, String message, String fix) {
        return new Problem(code, severity, Optional.empty(), "", position, message, fix, "");
    }

    public Problem withFix(String sentence) {
        return new Problem(code, severity, resource, fieldPath, position, message, sentence, fixYaml, changes, safe);
    }

    public Problem withFixYaml(String yaml) {
        return new Problem(code, severity, resource, fieldPath, position, message, fix, yaml, changes, safe);
    }

    /** The same, with changes that mend it but are for a person to choose. */
    public Problem withChoice(Change... made) {
        return new Problem(code, severity, resource, fieldPath, position, message, fix, fixYaml, List.of(made), false);
    }

    /** The same, with changes that may be made without asking. */
    public Problem withMending(Change... made) {
        return new Problem(code, severity, resource, fieldPath, position, message, fix, fixYaml, List.of(made), true);
    }

    public boolean isError() {
        return severity == Severity.ERROR;
    }

    /** The text a person reads: position, severity, code, resource and field, message, fix, lines to add. */
    public String render() {
        StringBuilder out = new StringBuilder();
        position.ifPresent(p -> out.append(p).append(": "));
        out.append(severity.name().toLowerCase(java.util.Locale.ROOT))
                .append(" [")
                .append(code)
                .append("] ");
        resource.ifPresent(r -> out.append(r).append(": "));
        if (!fieldPath.isEmpty()) {
            out.append(fieldPath).append(": ");
        }
        out.append(message);
        if (!fix.isEmpty()) {
            out.append("\n  fix: ").append(fix);
        }
        if (!fixYaml.isEmpty()) {
            out.append("\n").append(fixYaml.stripTrailing().indent(4).stripTrailing());
        }
        return out.toString();
    }
}
