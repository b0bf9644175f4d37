package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The steps of one pass over the same kind of thing, remembered until the next translation. */
final class Steps<K, V> {
    private final Looks looks;
    private Map<K, Looks.Step<V>> last = new IdentityHashMap<>();
    private Map<K, Looks.Step<V>> now = new IdentityHashMap<>();

    Steps(Looks looks) {
        this.looks = looks;
    }

    /** Begins a translation. */
    void begin() {
        last = now;
        now = new IdentityHashMap<>(last.size());
    }

    /** Nothing of the last translation holds. */
    void forget() {
        last = Map.of();
    }

    /**
     * What {@code work} gives for {@code key}, the very same object as before: from the last translation where it looked at
     * nothing that has changed since. Its problems are added in either case.
     */
    V of(K key, List<Problem> problems, Supplier<V> work) {
        Looks.Step<V> step = last.get(key);
        if (step != null && step.holds()) {
            problems.addAll(step.problems());
        } else {
            step = looks.during(problems, work);
        }
        now.put(key, step);
        return step.value();
    }
}
