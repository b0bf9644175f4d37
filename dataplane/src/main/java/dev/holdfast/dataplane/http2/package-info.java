/** HTTP/2 towards the client (RFC 9113, RFC 8441). */
@NullMarked
package dev.holdfast.dataplane.http2;

import org.jspecify.annotations.NullMarked;
