/**
 * Filters that decide who may pass. In comes a {@code SecurityFilter} of the plan and a request, out goes an answer or an
 * identity; what cannot be decided is answered, never let through. Secrets stay in the factories.
 */
@NullMarked
package dev.holdfast.dataplane.filter.security;

import org.jspecify.annotations.NullMarked;
