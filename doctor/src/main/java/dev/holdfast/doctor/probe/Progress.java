package dev.holdfast.doctor.probe;

import java.time.Duration;

/** Told what happens while it happens; calls may come from several threads. */
public interface Progress {
    Progress NONE = new Progress() {};

    default void started(String probe) {}

    default void finished(Reading reading, Duration took) {}

    /** One line of what went over the wire, secrets left out. */
    default void wire(String line) {}
}
