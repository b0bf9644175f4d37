/**
 * Probes: each asks one question of the target and leaves a {@link dev.holdfast.doctor.probe.Reading}. Enter the target
 * and the options, leaves what was seen. A probe never judges and never sends to an address the user did not name.
 */
@NullMarked
package dev.holdfast.doctor.probe;

import org.jspecify.annotations.NullMarked;
