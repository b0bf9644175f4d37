/** In: files watched, read again when they are quiet. Never decides what a value means. */
@NullMarked
package dev.holdfast.resource.file;

import org.jspecify.annotations.NullMarked;
