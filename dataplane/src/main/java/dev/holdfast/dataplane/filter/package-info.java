/**
 * HTTP filters: what sees a request before a backend is asked, and the answer on its way back. In comes a plan's filters,
 * out go factories that live as long as the plan says the same of them; nothing here knows how an exchange is relayed.
 */
@NullMarked
package dev.holdfast.dataplane.filter;

import org.jspecify.annotations.NullMarked;
