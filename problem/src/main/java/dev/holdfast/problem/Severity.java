package dev.holdfast.problem;

/** How much a problem matters: an error keeps a set from being applied, a warning does not. */
public enum Severity {
    ERROR,
    WARNING,
    INFO
}
