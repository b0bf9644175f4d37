/** The demo's application: a page of 40 assets, a WebSocket and server-sent events. */
@NullMarked
package dev.holdfast.app.demo;

import org.jspecify.annotations.NullMarked;
