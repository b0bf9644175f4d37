/** In: text becomes positioned, checked resources. Never decides what a value means. */
@NullMarked
package dev.holdfast.resource.read;

import org.jspecify.annotations.NullMarked;
