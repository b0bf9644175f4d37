/** The connection to the API server: where it is, who we are there, and who of our replicas leads. */
@NullMarked
package dev.holdfast.kubernetes.client;

import org.jspecify.annotations.NullMarked;
