package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a step of translation has looked at. A step is a function of what it is of and of what it finds on shelves; so its
 * result may be taken again as long as it would find the same there.
 */
final class Looks {
    /** Of the step under way; null between steps. */
    private @Nullable Map<Shelf<?, ?>, Seen<?, ?>> noted;

    /**
     * A place where values lie by key. It outlives a translation; each fills it anew, and does not change afterwards what a
     * key leads to unless the step under way has done so itself.
     */
    static final class Shelf<K, V> {
        private final Looks looks;
        private Function<K, @Nullable V> content = key -> null;
        private Predicate<K> mayDiffer = key -> true;
        /** Whether all of it is as it was. */
        private boolean still;

        Shelf(Looks looks) {
            this.looks = looks;
        }

        void fill(Function<K, @Nullable V> next) {
            fill(next, key -> true);
        }

        /** @param differs false for keys that certainly lead to what they led to when it was last filled */
        void fill(Function<K, @Nullable V> next, Predicate<K> differs) {
            content = next;
            mayDiffer = differs;
            still = false;
        }

        /** With what it held when it was last filled. */
        void fillAgain(Function<K, @Nullable V> same) {
            fill(same, key -> false);
            still = true;
        }

        /** @param others the only keys that may lead to something else than when it was last filled */
        void fill(Function<K, @Nullable V> next, Set<K> others) {
            if (others.isEmpty()) {
                fillAgain(next);
            } else {
                fill(next, others::contains);
            }
        }

        @Nullable
        V look(K key) {
            V found = content.apply(key);
            Map<Shelf<?, ?>, Seen<?, ?>> step = looks.noted;
            if (step != null) {
                @SuppressWarnings("unchecked") // Each shelf has the looks that were made at it.
                Seen<K, V> of = (Seen<K, V>) step.computeIfAbsent(this, s -> new Seen<>(this));
                of.add(key, found);
            }
            return found;
        }
    }

    /** What a step has found on one shelf. */
    private static final class Seen<K, V> {
        private final Shelf<K, V> shelf;
        private final List<K> keys = new ArrayList<>(2);
        private final List<@Nullable V> found = new ArrayList<>(2);

        Seen(Shelf<K, V> shelf) {
            this.shelf = shelf;
        }

        /** What was looked up twice was the same both times. */
        void add(K key, @Nullable V value) {
            if (!keys.contains(key)) {
                keys.add(key);
                found.add(value);
            }
        }

        /** A step that is remembered held in the last translation, so that what has not changed since need not be looked up. */
        boolean holds() {
            if (shelf.still) {
                return true;
            }
            for (int i = 0; i < keys.size(); i++) {
                K key = keys.get(i);
                if (shelf.mayDiffer.test(key) && !Objects.equals(shelf.content.apply(key), found.get(i))) {
                    return false;
                }
            }
            return true;
        }
    }

    /** What a step gave, the problems that it added, and what it looked at. */
    record Step<V>(V value, List<Problem> problems, List<Seen<?, ?>> looks) {
        boolean holds() {
            for (int i = 0; i < looks.size(); i++) {
                if (!looks.get(i).holds()) {
                    return false;
                }
            }
            return true;
        }
    }

    boolean underWay() {
        return noted != null;
    }

    /** {@code problems} is where {@code work} adds its problems. */
    <V> Step<V> during(List<Problem> problems, Supplier<V> work) {
        if (noted != null) {
            throw new IllegalStateException("a step within a step would have looks that neither knows of");
        }
        Map<Shelf<?, ?>, Seen<?, ?>> own = new IdentityHashMap<>();
        int before = problems.size();
        noted = own;
        try {
            V value = work.get();
            return new Step<>(value, List.copyOf(problems.subList(before, problems.size())), List.copyOf(own.values()));
        } finally {
            noted = null;
        }
    }
}
