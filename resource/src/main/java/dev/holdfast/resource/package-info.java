/** In: what the manifests say, each value with its place. Never decides what a value means. */
@NullMarked
package dev.holdfast.resource;

import org.jspecify.annotations.NullMarked;
