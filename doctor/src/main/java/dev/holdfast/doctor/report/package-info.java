/** The report, as a value, as text for a person and as JSON for a machine. */
@NullMarked
package dev.holdfast.doctor.report;

import org.jspecify.annotations.NullMarked;
