package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.WireException;
import java.util.Map;

/** What one probe saw; no judgement. */
public interface Reading {
    /** The name of the probe, which is also the name of its page in docs/doctor. */
    String probe();

    /** One line for a person. */
    String line();

    /** The same for a machine: strings, numbers, booleans, lists and maps of them. */
    Map<String, Object> facts();

    /** A probe that got no answer to its question. */
    record Failed(String probe, WireException.Kind kind, String line) implements Reading {
        @Override
        public Map<String, Object> facts() {
            return Map.of("failure", kind.name());
        }
    }

    /** A question that does not arise, or cannot be asked after what was seen before. */
    record Skipped(String probe, String line) implements Reading {
        @Override
        public Map<String, Object> facts() {
            return Map.of("skipped", true);
        }
    }
}
