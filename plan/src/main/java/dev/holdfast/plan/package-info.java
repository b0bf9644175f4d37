/** The hub: what to serve and what became of every resource. Knows neither Kubernetes, Envoy nor Netty. */
@NullMarked
package dev.holdfast.plan;

import org.jspecify.annotations.NullMarked;
