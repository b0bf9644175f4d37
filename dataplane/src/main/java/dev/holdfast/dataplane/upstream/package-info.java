/** Connections towards backends: pools of each event loop, one cluster each. */
@NullMarked
package dev.holdfast.dataplane.upstream;

import org.jspecify.annotations.NullMarked;
