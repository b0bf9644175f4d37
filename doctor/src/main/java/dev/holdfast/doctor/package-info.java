/**
 * Says why a WebSocket fails or a page is slow, for any gateway or backend: {@link dev.holdfast.doctor.Doctor}. Walk:
 * {@code wire → probe → explain → report}.
 */
@NullMarked
package dev.holdfast.doctor;

import org.jspecify.annotations.NullMarked;
