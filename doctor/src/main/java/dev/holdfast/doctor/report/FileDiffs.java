package dev.holdfast.doctor.report;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.edit.Diff;
import dev.holdfast.resource.edit.ManifestEditor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What mends problems, as changes of the files they are in; each file is read once, and none is written. */
public final class FileDiffs {
    private final Map<String, Optional<Known>> files = new HashMap<>();

    private record Known(ManifestEditor editor, List<String> lines) {}

    private Optional<Known> known(String file) {
        return files.computeIfAbsent(file, name -> {
            try {
                String text = Files.readString(Path.of(name));
                return Optional.of(
                        new Known(new ManifestEditor(text), text.lines().toList()));
            } catch (IOException goneMeanwhile) {
                return Optional.empty();
            }
        });
    }

    /** What would change in the problem's file; empty where only a person can say. */
    public Optional<Diff> diff(Problem problem) {
        if (problem.changes().isEmpty()
                || problem.position().isEmpty()
                || problem.resource().isEmpty()) {
            return Optional.empty();
        }
        return known(problem.position().get().file())
                .flatMap(known -> known.editor
                        .edit(problem.resource().get(), problem.changes())
                        .map(e -> Diff.of(e.before(), e.after(), known.editor.linesBefore(e.document()))));
    }

    /** {@code diff} as people read it. */
    public String shown(Problem problem, Diff diff) {
        String file = problem.position().map(SourcePosition::file).orElse("");
        return diff.text(file, known(file).map(Known::lines).orElse(List.of()));
    }
}
