/**
 * Diagnosis: rules turn readings into findings, each with what was seen, what it means, cures with their price and the
 * manifest that mends it. Enter readings and, where given, manifests; leave findings. Pure: it sends nothing.
 */
@NullMarked
package dev.holdfast.doctor.explain;

import org.jspecify.annotations.NullMarked;
