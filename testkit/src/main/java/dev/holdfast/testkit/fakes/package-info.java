/** Hand-written stand-ins with a little life. */
@NullMarked
package dev.holdfast.testkit.fakes;

import org.jspecify.annotations.NullMarked;
