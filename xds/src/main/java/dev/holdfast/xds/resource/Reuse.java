package dev.holdfast.xds.resource;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What was made of parts of the plan before, used again where the same parts stand in this one. A plan that follows another has
 * most of its parts in common with it, and to compare them is a small part of the work of making messages of them.
 */
final class Reuse {
    private final Map<String, Made> before;
    private final Map<String, Made> now;

    /** @param from all that it was made of, nothing more is to be looked at where it is made */
    private record Made(Object from, Object value) {}

    private Reuse(Map<String, Made> before, Map<String, Made> now) {
        this.before = before;
        this.now = now;
    }

    /** Of nothing. */
    static Reuse none() {
        return new Reuse(Map.of(), new HashMap<>());
    }

    /** When all is made: lets go of what was before. */
    Reuse settled() {
        return new Reuse(Map.of(), now);
    }

    /** For the plan after this one. */
    Reuse next() {
        return new Reuse(now, new HashMap<>());
    }

    /** What {@code make} gives, or gave under this name when {@code from} was equal. */
    @SuppressWarnings("unchecked") // A name stands for one kind of thing.
    <T> T of(String name, Object from, Supplier<T> make) {
        Made was = before.get(name);
        Made is = was != null && was.from.equals(from) ? was : new Made(from, make.get());
        now.put(name, is);
        return (T) is.value;
    }
}
