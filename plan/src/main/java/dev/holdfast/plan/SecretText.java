package dev.holdfast.plan;

/** A secret whose text rendering is {@code [redacted]}. */
public record SecretText(String reveal) {
    @Override
    public String toString() {
        return "[redacted]";
    }
}
