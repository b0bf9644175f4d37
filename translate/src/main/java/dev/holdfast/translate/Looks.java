package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import java.util.ArrayList;
import java.util.List;
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
    private int shelves;
    /** The marks of shelves of which it is not known what differs. */
    private long unsure;
    /** What differs on the others, whichever shelf it is on. */
    private Traces others = new Traces();

    /** Begins a translation. */
    void begin() {
        others = new Traces();
    }

    /** Where keys have left a trace: 256 bits, one for each by its hash. A key without a trace is not among them. */
    private static final class Traces {
        private long a;
        private long b;
        private long c;
        private long d;

        void add(Object key) {
            int hash = key.hashCode() * 0x9E3779B9;
            long bit = 1L << (hash >>> 26);
            switch ((hash >>> 24) & 3) {
                case 0 -> a |= bit;
                case 1 -> b |= bit;
                case 2 -> c |= bit;
                default -> d |= bit;
            }
        }

        boolean meet(Traces other) {
            return ((a & other.a) | (b & other.b) | (c & other.c) | (d & other.d)) != 0;
        }
    }

    /** Of the step under way; null between steps. */
    private @Nullable List<Seen<?, ?>> noted;

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
        /** One bit, its own among the shelves. */
        private final long mark;

        private final boolean traced;

        Shelf(Looks looks) {
            this(looks, true);
        }

        /** @param traced false where it is never known of single keys that they alone may differ */
        Shelf(Looks looks, boolean traced) {
            if (looks.shelves == Long.SIZE) {
                throw new IllegalStateException("there are no more marks for shelves");
            }
            this.looks = looks;
            this.traced = traced;
            this.mark = 1L << looks.shelves++;
            looks.unsure |= mark;
        }

        void fill(Function<K, @Nullable V> next) {
            fill(next, key -> true);
        }

        /** @param differs false for keys that certainly lead to what they led to when it was last filled */
        void fill(Function<K, @Nullable V> next, Predicate<K> differs) {
            content = next;
            mayDiffer = differs;
            still = false;
            looks.unsure |= mark;
        }

        /** With what it held when it was last filled. */
        void fillAgain(Function<K, @Nullable V> same) {
            fill(same, key -> false);
            still = true;
            looks.unsure &= ~mark;
        }

        /** @param others the only keys that may lead to something else than when it was last filled */
        void fill(Function<K, @Nullable V> next, Set<K> others) {
            if (others.isEmpty()) {
                fillAgain(next);
                return;
            }
            fill(next, others::contains);
            if (!traced) {
                return;
            }
            looks.unsure &= ~mark;
            others.forEach(looks.others::add);
        }

        /** @param others as {@link #fill(Function, Set)}, of which more may come; each is to be told of */
        void fillGrowing(Function<K, @Nullable V> next, Set<K> others) {
            fill(next, others::contains);
            looks.unsure &= ~mark;
        }

        void mayDiffer(K other) {
            looks.others.add(other);
        }

        @Nullable
        V look(K key) {
            V found = content.apply(key);
            List<Seen<?, ?>> step = looks.noted;
            if (step != null) {
                seen(step).add(key, found);
            }
            return found;
        }

        @SuppressWarnings("unchecked") // Each shelf has the looks that were made at it.
        private Seen<K, V> seen(List<Seen<?, ?>> step) {
            for (Seen<?, ?> seen : step) {
                if (seen.shelf == this) {
                    return (Seen<K, V>) seen;
                }
            }
            Seen<K, V> made = new Seen<>(this);
            step.add(made);
            return made;
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

    /**
     * What a step gave, the problems that it added, and what it looked at.
     *
     * @param shelves their marks
     * @param traces of the keys
     */
    record Step<V>(V value, List<Problem> problems, List<Seen<?, ?>> looks, long shelves, Traces traces) {
        /** Most of many steps have looked at nothing that differs, which is seen without going through what they found. */
        boolean holds(Looks now) {
            if ((shelves & now.unsure) == 0 && !traces.meet(now.others)) {
                return true;
            }
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
        List<Seen<?, ?>> own = new ArrayList<>();
        int before = problems.size();
        noted = own;
        try {
            V value = work.get();
            Traces traces = new Traces();
            long shelves = 0;
            for (Seen<?, ?> seen : own) {
                shelves |= seen.shelf.mark;
                if (seen.shelf.traced) {
                    seen.keys.forEach(traces::add);
                }
            }
            return new Step<>(
                    value, List.copyOf(problems.subList(before, problems.size())), List.copyOf(own), shelves, traces);
        } finally {
            noted = null;
        }
    }
}
