/** Buffers that a test loses: in comes what Netty reports, out goes a failed class of tests. */
@org.jspecify.annotations.NullMarked
package dev.holdfast.testkit.leak;
