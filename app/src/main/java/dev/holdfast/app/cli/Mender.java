package dev.holdfast.app.cli;

import dev.holdfast.problem.Problem;
import dev.holdfast.resource.edit.ManifestEditor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Mends problems in their files. */
final class Mender {
    private Mender() {}

    /** Makes the safe changes of {@code problems} in their files; how many were made in each. */
    static Map<String, Integer> mend(List<Problem> problems) throws IOException {
        Map<String, ManifestEditor> changed = new HashMap<>();
        Map<String, Integer> made = new LinkedHashMap<>();
        for (Problem problem : problems) {
            if (!problem.safe()
                    || problem.position().isEmpty()
                    || problem.resource().isEmpty()) {
                continue;
            }
            String file = problem.position().get().file();
            ManifestEditor editor = changed.get(file);
            if (editor == null) {
                editor = new ManifestEditor(Files.readString(Path.of(file)));
            }
            Optional<ManifestEditor.Edit> edit = editor.edit(problem.resource().get(), problem.changes());
            changed.put(file, editor);
            if (edit.isPresent()) {
                editor.make(edit.get());
                made.merge(file, 1, Integer::sum);
            }
        }
        for (String file : made.keySet()) {
            replace(Path.of(file), Objects.requireNonNull(changed.get(file)).text());
        }
        return made;
    }

    /** Whole or not at all, so that a running gateway never reads half of it; a link's target is what changes. */
    private static void replace(Path file, String text) throws IOException {
        Path real = file.toRealPath();
        Path beside = Files.createTempFile(real.toAbsolutePath().getParent(), ".holdfast", ".tmp");
        try {
            Files.copy(real, beside, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
            Files.writeString(beside, text);
            Files.move(beside, real, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(beside);
        }
    }
}
