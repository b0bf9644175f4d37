package dev.holdfast.doctor.explain;

/** How much a finding matters; a note does not change the exit code. */
public enum Level {
    ERROR,
    WARNING,
    NOTE
}
