/** HTTP/3 towards the client (RFC 9114, RFC 9220): a connection by QUIC, of which each request stream is an exchange. */
@NullMarked
package dev.holdfast.dataplane.http3;

import org.jspecify.annotations.NullMarked;
