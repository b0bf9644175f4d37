package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
    private @Nullable List<Look<?, ?>> noted;

    /**
     * A place where values lie by key. It outlives a translation; each fills it anew, and does not change afterwards what a
     * key leads to unless the step under way has done so itself.
     */
    static final class Shelf<K, V> {
        private final Looks looks;
        private Function<K, @Nullable V> content = key -> null;
        private Predicate<K> mayDiffer = key -> true;

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
        }

        @Nullable
        V look(K key) {
            V found = content.apply(key);
            List<Look<?, ?>> step = looks.noted;
            if (step != null) {
                step.add(new Look<>(this, key, found));
            }
            return found;
        }
    }

    private record Look<K, V>(
            Shelf<K, V> shelf, K key, @Nullable V found) {
        /** A step that is remembered held in the last translation, so that what has not changed since need not be looked up. */
        boolean holds() {
            return !shelf.mayDiffer.test(key) || Objects.equals(shelf.content.apply(key), found);
        }
    }

    /** What a step gave, the problems that it added, and what it looked at. */
    record Step<V>(V value, List<Problem> problems, List<Look<?, ?>> looks) {
        boolean holds() {
            for (Look<?, ?> look : looks) {
                if (!look.holds()) {
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
        List<Look<?, ?>> own = new ArrayList<>();
        int before = problems.size();
        noted = own;
        try {
            V value = work.get();
            return new Step<>(value, List.copyOf(problems.subList(before, problems.size())), List.copyOf(own));
        } finally {
            noted = null;
        }
    }
}
