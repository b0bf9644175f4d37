/** One request and its response, or the stream it becomes; on one event loop throughout. */
@NullMarked
package dev.holdfast.dataplane.exchange;

import org.jspecify.annotations.NullMarked;
