package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import java.util.List;

/** What came of reading: {@code unreadable} where a file or folder could not be read at all. */
public record ReadResult(ResourceSet resources, List<Problem> problems, boolean unreadable) {
    public ReadResult {
        problems = List.copyOf(problems);
    }

    public boolean hasErrors() {
        return problems.stream().anyMatch(Problem::isError);
    }
}
