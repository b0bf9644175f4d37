/** Plan to xDS resources, a pure function; never talks to anyone. */
@NullMarked
package dev.holdfast.xds.resource;

import org.jspecify.annotations.NullMarked;
