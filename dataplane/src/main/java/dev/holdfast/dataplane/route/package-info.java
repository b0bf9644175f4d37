/** The plan compiled for the request path. */
@NullMarked
package dev.holdfast.dataplane.route;

import org.jspecify.annotations.NullMarked;
