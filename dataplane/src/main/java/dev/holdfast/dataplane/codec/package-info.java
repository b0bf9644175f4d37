/** HTTP/2 connections as both ends use them, and headers from one form into the other. */
@NullMarked
package dev.holdfast.dataplane.codec;

import org.jspecify.annotations.NullMarked;
