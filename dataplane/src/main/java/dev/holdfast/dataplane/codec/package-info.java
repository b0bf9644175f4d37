/** HTTP/2 connections and the terms of TLS as both ends use them, and headers from one form into the other. */
@NullMarked
package dev.holdfast.dataplane.codec;

import org.jspecify.annotations.NullMarked;
