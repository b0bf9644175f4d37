/** What is passed on, whatever its protocol: heads, and the closed list of why an answer is the gateway's own. */
@NullMarked
package dev.holdfast.dataplane.message;

import org.jspecify.annotations.NullMarked;
