/** What people see: access log, metrics, live streams. */
@NullMarked
package dev.holdfast.dataplane.observe;

import org.jspecify.annotations.NullMarked;
