/** Active checks of endpoints: in come clusters, out go verdicts to their balancers. */
@NullMarked
package dev.holdfast.dataplane.health;

import org.jspecify.annotations.NullMarked;
