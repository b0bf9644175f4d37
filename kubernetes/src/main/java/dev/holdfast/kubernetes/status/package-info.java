/** What became of each resource, out: written last, by the leader alone, only where it differs from what stands there. */
@NullMarked
package dev.holdfast.kubernetes.status;

import org.jspecify.annotations.NullMarked;
