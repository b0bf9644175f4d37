package dev.holdfast.dataplane.filter;

import io.micrometer.core.instrument.MeterRegistry;

/** What filters may use of the data plane around them. */
public interface Surroundings {
    MeterRegistry registry();

    Calls calls();
}
