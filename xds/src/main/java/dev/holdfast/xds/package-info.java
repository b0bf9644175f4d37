/** Out: Envoy. A plan comes in, xDS resources leave by ADS; it never carries traffic itself. */
@NullMarked
package dev.holdfast.xds;

import org.jspecify.annotations.NullMarked;
