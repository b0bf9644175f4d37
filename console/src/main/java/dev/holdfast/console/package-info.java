/** The admin address: a page for people, metrics and JSON for programs. Reads plan and streams, changes neither. */
@NullMarked
package dev.holdfast.console;

import org.jspecify.annotations.NullMarked;
