package dev.holdfast.translate;

import dev.holdfast.plan.Substitution;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import java.util.List;

/** Texts with command operators. */
record Operators(List<Problem> problems) {
    /** Whether the text's operators can be read; says which are not known here. */
    boolean readable(Field text) {
        Substitution read;
        try {
            read = Substitution.parse(text.text(""));
        } catch (IllegalArgumentException wrong) {
            say(
                    text,
                    ProblemCode.POLICY_INVALID,
                    wrong.getMessage() + "; nothing of it is told",
                    "Write %% for a percent sign.");
            return false;
        }
        for (Substitution.Piece piece : read.pieces()) {
            if (piece instanceof Substitution.Piece.Operator(String name, String argument, int ignored)) {
                Boolean takes = Substitution.KNOWN.get(name);
                if (takes == null) {
                    say(
                            text,
                            ProblemCode.NOT_CARRIED_OUT,
                            "the command operator %" + name + "% is not known on this plane: it says -",
                            "Take it out; docs/telemetry.md names those that are.");
                } else if (takes && argument.isEmpty()) {
                    say(
                            text,
                            ProblemCode.POLICY_INVALID,
                            "%" + name + "% needs to be told of what; nothing of it is told",
                            "Write %" + name + "(NAME)%.");
                    return false;
                }
            }
        }
        return true;
    }

    private void say(Field at, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(at.origin(), code, Severity.WARNING, message, fix));
    }
}
