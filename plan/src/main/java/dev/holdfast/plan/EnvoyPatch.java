package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.util.Optional;

/**
 * A change of what Envoys are told, asked for by an EnvoyPatchPolicy; no other plane has anything to do with it.
 *
 * @param type of the resource, {@code type.googleapis.com/envoy.config.listener.v3.Listener} and others
 * @param name of the resource
 * @param op of RFC 6902: add, remove, replace, move, copy, test
 * @param path a JSON pointer; below each place that {@code jsonPath} finds, where there is one
 * @param from a JSON pointer of move and copy, empty for none
 * @param jsonPath RFC 9535, empty for none
 * @param value JSON text
 * @param at where it is asked for
 * @param valueAt where the value stands
 */
public record EnvoyPatch(
        String type,
        String name,
        String op,
        String path,
        String from,
        String jsonPath,
        Optional<String> value,
        Origin at,
        Origin valueAt) {}
