/** ADS: state-of-the-world and delta streams of many Envoys, each kept in order and remembered by what it acknowledged. */
@NullMarked
package dev.holdfast.xds.server;

import org.jspecify.annotations.NullMarked;
