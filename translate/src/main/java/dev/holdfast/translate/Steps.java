package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The steps of one pass over the same kind of thing, remembered until the next translation. */
final class Steps<K, V> {
    private final Looks looks;
    private final Map<K, Taken<V>> all = new IdentityHashMap<>();
    private long turn;
    /** How many of {@link #all} were taken in this turn. */
    private int taken;
    /** Those of which the result is another than in the last turn. */
    private final Set<K> fresh = Collections.newSetFromMap(new IdentityHashMap<>());

    /** A step, and the turn in which it was taken last. */
    private static final class Taken<V> {
        private Looks.Step<V> step;
        private long turn;

        Taken(Looks.Step<V> step) {
            this.step = step;
        }
    }

    Steps(Looks looks) {
        this.looks = looks;
    }

    /** Begins a translation: what was not taken in the last one is forgotten. */
    void begin() {
        if (taken < all.size()) {
            all.values().removeIf(t -> t.turn != turn);
        }
        turn++;
        taken = 0;
        fresh.clear();
    }

    /** Nothing of the last translation holds. */
    void forget() {
        all.clear();
        taken = 0;
    }

    /**
     * What {@code work} gives for {@code key}, the very same object as before: from the last translation where it looked at
     * nothing that has changed since. Its problems are added in either case.
     */
    V of(K key, List<Problem> problems, Supplier<V> work) {
        return of(key, problems, work, lost -> {});
    }

    /** @param without told of a result of before that does not hold, and before another is made */
    V of(K key, List<Problem> problems, Supplier<V> work, Consumer<V> without) {
        Taken<V> known = all.get(key);
        if (known == null) {
            known = new Taken<>(looks.during(problems, work));
            all.put(key, known);
            fresh.add(key);
        } else if (known.step.holds(looks)) {
            List<Problem> told = known.step.problems();
            if (!told.isEmpty()) {
                problems.addAll(told);
            }
        } else {
            without.accept(known.step.value());
            known.step = looks.during(problems, work);
            fresh.add(key);
        }
        if (known.turn != turn) {
            known.turn = turn;
            taken++;
        }
        return known.step.value();
    }

    /** Whether what was taken for {@code key} in this translation may be another than in the last. */
    boolean isFresh(K key) {
        return fresh.contains(key);
    }

    /** All that {@link #isFresh}. */
    Set<K> fresh() {
        return fresh;
    }

    /** What was taken for {@code key} in this translation, if anything. */
    @Nullable
    V taken(K key) {
        Taken<V> known = all.get(key);
        return known == null || known.turn != turn ? null : known.step.value();
    }
}
