/** Sockets and what stands on a fresh connection: TLS, ALPN, the choice of protocol. */
@NullMarked
package dev.holdfast.dataplane.listener;

import org.jspecify.annotations.NullMarked;
