/** The commands, one class each: what they take, and what they print. */
@NullMarked
package dev.holdfast.app.cli;

import org.jspecify.annotations.NullMarked;
