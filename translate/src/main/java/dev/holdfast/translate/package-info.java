/** The brain: a ResourceSet becomes a Plan. Pure: no I/O, clock, randomness or logging; order of input never matters. */
@NullMarked
package dev.holdfast.translate;

import org.jspecify.annotations.NullMarked;
