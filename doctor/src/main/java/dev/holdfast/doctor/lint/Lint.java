package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import java.util.function.Consumer;

/** One rule. */
interface Lint {
    void look(Scene scene, Consumer<Problem> found);
}
