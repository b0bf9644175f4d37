package dev.holdfast.app.cli;

import dev.holdfast.problem.Problem;
import dev.holdfast.resource.edit.ManifestEditor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Mends problems in their files. */
final class Mender {
    private Mender() {}

    /** Makes the safe changes of {@code problems} in their files; how many were made in each. */
    static Map<String, Integer> mend(List<Problem> problems) throws IOException {
        Map<String, String> changed = new LinkedHashMap<>();
        Map<String, Integer> made = new LinkedHashMap<>();
        for (Problem problem : problems) {
            if (!problem.safe()
                    || problem.position().isEmpty()
                    || problem.resource().isEmpty()) {
                continue;
            }
            String file = problem.position().get().file();
            String before = changed.containsKey(file) ? changed.get(file) : Files.readString(Path.of(file));
            Optional<String> after =
                    ManifestEditor.edit(before, problem.resource().get(), problem.changes());
            if (after.isPresent()) {
                changed.put(file, after.get());
                made.merge(file, 1, Integer::sum);
            }
        }
        for (Map.Entry<String, String> file : changed.entrySet()) {
            replace(Path.of(file.getKey()), file.getValue());
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
