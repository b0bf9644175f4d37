/**
 * Bytes on sockets: TLS, HTTP/1.1, HTTP/2 and WebSocket as a client speaks them, written so that every byte sent is known
 * and every wait has an end. Enter requests, leave answers or a {@link dev.holdfast.doctor.wire.WireException} of one
 * line. It never judges what it reads.
 */
@NullMarked
package dev.holdfast.doctor.wire;

import org.jspecify.annotations.NullMarked;
