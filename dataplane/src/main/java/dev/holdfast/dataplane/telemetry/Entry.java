package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.observe.Facts;
import java.util.Map;
import java.util.Optional;

/**
 * A line of an access log: what it is about, and how it was asked to be said.
 *
 * @param text as a line of text
 * @param fields each a text, a number or null
 */
public record Entry(Facts facts, Optional<String> text, Map<String, Object> fields) {}
