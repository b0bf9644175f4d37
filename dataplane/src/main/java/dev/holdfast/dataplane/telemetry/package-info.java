/** What is told of requests as the plan says: spans and access logs of a listener, and how they get to whom they are for. */
@NullMarked
package dev.holdfast.dataplane.telemetry;

import org.jspecify.annotations.NullMarked;
