package dev.holdfast.problem;

import java.util.Optional;

/** Where a value came from: the resource, the field path within it ({@code spec.rules[0].timeouts}) and its position. */
public record Origin(ResourceRef resource, String fieldPath, Optional<SourcePosition> position) {
    @Override
    public String toString() {
        return resource + " " + fieldPath + position.map(p -> " (" + p + ")").orElse("");
    }
}
