/** A numbered set of resources with a version each; what did not change is shared with the one before. */
@NullMarked
package dev.holdfast.xds.snapshot;

import org.jspecify.annotations.NullMarked;
