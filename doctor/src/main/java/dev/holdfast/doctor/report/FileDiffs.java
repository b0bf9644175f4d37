package dev.holdfast.doctor.report;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.edit.Diff;
import dev.holdfast.resource.edit.ManifestEditor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What mends problems, as changes of the files they are in; each file is read once, and none is written. */
public final class FileDiffs {
    private final Map<String, String> texts = new HashMap<>();

    private Optional<String> text(String file) {
        try {
            String known = texts.get(file);
            if (known == null) {
                known = Files.readString(Path.of(file));
                texts.put(file, known);
            }
            return Optional.of(known);
        } catch (IOException goneMeanwhile) {
            return Optional.empty();
        }
    }

    /** What would change in the problem's file; empty where only a person can say. */
    public Optional<Diff> diff(Problem problem) {
        return after(problem)
                .flatMap(after ->
                        problem.position().flatMap(at -> text(at.file())).map(before -> Diff.of(before, after)));
    }

    /** {@code diff} as people read it. */
    public String shown(Problem problem, Diff diff) {
        String file = problem.position().map(SourcePosition::file).orElse("");
        return diff.text(file, text(file).orElse(""));
    }

    private Optional<String> after(Problem problem) {
        return problem.changes().isEmpty()
                ? Optional.empty()
                : problem.position()
                        .flatMap(at -> text(at.file()))
                        .flatMap(text ->
                                problem.resource().flatMap(ref -> ManifestEditor.edit(text, ref, problem.changes())));
    }
}
