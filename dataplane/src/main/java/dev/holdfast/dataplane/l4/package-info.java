/**
 * Connections and datagrams that are relayed as they come. In: an accepted channel, or a bound UDP socket, and its listener;
 * out: bytes at a backend and back. Looks at nothing but the name in a ClientHello, which the listener has read.
 */
@NullMarked
package dev.holdfast.dataplane.l4;

import org.jspecify.annotations.NullMarked;
