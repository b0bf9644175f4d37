package dev.holdfast.doctor.probe;

import java.io.IOException;
import java.time.Duration;

/** One question. */
public interface Probe {
    /** Short, lower case, as its page in docs/doctor is called. */
    String name();

    Reading examine(Exam exam) throws IOException;

    /** The longest it may take; whoever runs it sees to that. */
    default Duration allowance(Options options) {
        return options.timeout();
    }
}
