/** Which route serves a request: pure, so that an explanation uses the very matcher that serves traffic. */
@NullMarked
package dev.holdfast.plan.match;

import org.jspecify.annotations.NullMarked;
