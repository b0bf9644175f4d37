package dev.holdfast.plan;

/** How a text is compared (Envoy Gateway StringMatch). An expression has been tried when the plan was made. */
public record TextMatch(Kind kind, String value) {
    /** {@code REGEX} is RE2-style and must match the whole text. */
    public enum Kind {
        EXACT,
        PREFIX,
        SUFFIX,
        REGEX
    }
}
