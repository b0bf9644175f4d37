/** A Service for each Gateway: its address, and which port of ours each of its ports leads to. */
@NullMarked
package dev.holdfast.kubernetes.gateway;

import org.jspecify.annotations.NullMarked;
