/** The cluster's resources in, as the same trees that files give; never a status, so that what we write causes no new plan. */
@NullMarked
package dev.holdfast.kubernetes.watch;

import org.jspecify.annotations.NullMarked;
