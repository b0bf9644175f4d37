/** Text and changes in, text out: a manifest changed where it is to be changed, comments and layout as they were. */
@NullMarked
package dev.holdfast.resource.edit;

import org.jspecify.annotations.NullMarked;
