/** What OpenID providers say of themselves: a plan's providers come in, documents go out. Nothing here knows of Envoy. */
@NullMarked
package dev.holdfast.xds.discovery;

import org.jspecify.annotations.NullMarked;
