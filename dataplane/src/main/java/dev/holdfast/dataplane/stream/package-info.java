/** Established streams: their relay, budgets, timers and goodbyes. */
@NullMarked
package dev.holdfast.dataplane.stream;

import org.jspecify.annotations.NullMarked;
