/** How spans, logs and metrics get to the collectors that a plan names. */
@NullMarked
package dev.holdfast.app.collect;

import org.jspecify.annotations.NullMarked;
