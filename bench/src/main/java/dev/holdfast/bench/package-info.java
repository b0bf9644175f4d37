/** Load for the benchmarks. */
@NullMarked
package dev.holdfast.bench;

import org.jspecify.annotations.NullMarked;
