/** HTTP/1.1 towards the client (RFC 9112). */
@NullMarked
package dev.holdfast.dataplane.http1;

import org.jspecify.annotations.NullMarked;
