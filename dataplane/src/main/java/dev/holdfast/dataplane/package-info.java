/** The embedded data plane on Netty: takes a plan, serves it, keeps streams alive from plan to plan. */
@NullMarked
package dev.holdfast.dataplane;

import org.jspecify.annotations.NullMarked;
