/** The filters of a BackendTrafficPolicy and of a route's own: in come {@code TrafficFilter}s, out go their factories. */
@NullMarked
package dev.holdfast.dataplane.filter.traffic;

import org.jspecify.annotations.NullMarked;
