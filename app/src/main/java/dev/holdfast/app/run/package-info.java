/** The wiring: source, translator, plane, console. The one place that knows all of them. */
@NullMarked
package dev.holdfast.app.run;

import org.jspecify.annotations.NullMarked;
