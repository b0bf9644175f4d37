/**
 * A cluster as source and as sink: {@code watch} makes ReadResults of informers, {@code gateway} gives each Gateway a Service,
 * {@code status} writes last what became of every resource, {@code client} speaks to the API server. Loaded only where a
 * command is given {@code --kubernetes}.
 */
@NullMarked
package dev.holdfast.kubernetes;

import org.jspecify.annotations.NullMarked;
