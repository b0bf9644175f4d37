package dev.holdfast.plan;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * A map by names that is sorted and never changes: one array, so that making it anew of sorted names takes one pass. Of two that
 * have most in common, what differs is found by one walk along both, and the later is made by copying references of the earlier.
 */
public final class ByName<V> extends AbstractMap<String, V> {
    private final List<Map.Entry<String, V>> entries;

    private ByName(List<Map.Entry<String, V>> entries) {
        this.entries = entries;
    }

    /** The very same where {@code map} is one already. */
    public static <V> ByName<V> of(Map<String, V> map) {
        if (map instanceof ByName<V> same) {
            return same;
        }
        Map.Entry<String, V>[] entries = array(map.size());
        int i = 0;
        for (Map.Entry<String, V> entry : map.entrySet()) {
            entries[i++] = Map.entry(entry.getKey(), entry.getValue());
        }
        Arrays.sort(entries, Map.Entry.comparingByKey());
        return new ByName<>(List.of(entries));
    }

    /** All of several that have no name in common; where all but one are empty, the very one. */
    public static <V> ByName<V> joined(Collection<ByName<V>> parts) {
        List<ByName<V>> some = parts.stream().filter(p -> !p.isEmpty()).toList();
        if (some.size() == 1) {
            return some.getFirst();
        }
        List<Map.Entry<String, V>> all = new ArrayList<>();
        some.forEach(part -> all.addAll(part.entries));
        all.sort(Map.Entry.comparingByKey());
        return new ByName<>(List.copyOf(all));
    }

    /**
     * For each name of {@code from} what {@code make} gives for it, or what stands in {@code before} where that still {@code holds};
     * {@code before} itself where that is all of it.
     */
    public static <F, V> ByName<V> along(
            ByName<F> from, ByName<V> before, BiPredicate<F, V> holds, BiFunction<String, F, V> make) {
        Map.Entry<String, V>[] made = array(from.entries.size());
        boolean same = made.length == before.entries.size();
        int at = 0;
        for (int i = 0; i < made.length; i++) {
            Map.Entry<String, F> entry = from.entries.get(i);
            at = before.from(at, entry.getKey());
            Map.Entry<String, V> known = before.at(at, entry.getKey());
            at += known == null ? 0 : 1;
            boolean kept = known != null && holds.test(entry.getValue(), known.getValue());
            made[i] = kept && known != null
                    ? known
                    : Map.entry(entry.getKey(), make.apply(entry.getKey(), entry.getValue()));
            same &= kept;
        }
        return same ? before : new ByName<>(List.of(made));
    }

    /** What is here and is not, or is another, in {@code other}. */
    public ByName<V> besides(ByName<V> other) {
        if (this == other) {
            return new ByName<>(List.of());
        }
        List<Map.Entry<String, V>> out = new ArrayList<>();
        int at = 0;
        for (Map.Entry<String, V> entry : entries) {
            at = other.from(at, entry.getKey());
            Map.Entry<String, V> there = other.at(at, entry.getKey());
            at += there == null ? 0 : 1;
            if (there == null || (there != entry && !there.getValue().equals(entry.getValue()))) {
                out.add(entry);
            }
        }
        return new ByName<>(List.copyOf(out));
    }

    /** The first place from {@code at} on that comes no earlier than {@code name}. */
    private int from(int at, String name) {
        int place = at;
        while (place < entries.size() && compare(entries.get(place).getKey(), name) < 0) {
            place++;
        }
        return place;
    }

    private Map.@Nullable Entry<String, V> at(int place, String name) {
        return place < entries.size() && compare(entries.get(place).getKey(), name) == 0 ? entries.get(place) : null;
    }

    /** Most names are the very same text. */
    @SuppressWarnings("ReferenceEquality")
    private static int compare(String a, String b) {
        return a == b ? 0 : a.compareTo(b);
    }

    /** This one with {@code put} in place of what has these names, and without the rest of {@code gone}. */
    public ByName<V> with(Map<String, V> put, Set<String> gone) {
        TreeMap<String, Optional<V>> changes = new TreeMap<>();
        gone.forEach(name -> {
            if (!put.containsKey(name) && containsKey(name)) {
                changes.put(name, Optional.empty());
            }
        });
        put.forEach((name, value) -> {
            if (get(name) != value) {
                changes.put(name, Optional.of(value));
            }
        });
        if (changes.isEmpty()) {
            return this;
        }
        List<Map.Entry<String, V>> out = new ArrayList<>(entries.size() + put.size());
        int from = 0;
        for (Map.Entry<String, Optional<V>> change : changes.entrySet()) {
            int at = place(change.getKey());
            int until = at < 0 ? -at - 1 : at;
            out.addAll(entries.subList(from, until));
            change.getValue().ifPresent(value -> out.add(Map.entry(change.getKey(), value)));
            from = at < 0 ? until : at + 1;
        }
        out.addAll(entries.subList(from, entries.size()));
        return new ByName<>(List.copyOf(out));
    }

    /** Where {@code name} stands, or as a negative number where it would ({@link Arrays#binarySearch}). */
    private int place(String name) {
        int low = 0;
        int high = entries.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int order = entries.get(middle).getKey().compareTo(name);
            if (order == 0) {
                return middle;
            }
            low = order < 0 ? middle + 1 : low;
            high = order < 0 ? high : middle - 1;
        }
        return -low - 1;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static <V> Map.Entry<String, V>[] array(int size) {
        return new Map.Entry[size];
    }

    @Override
    public @Nullable V get(@Nullable Object name) {
        int place = name instanceof String text ? place(text) : -1;
        return place < 0 ? null : entries.get(place).getValue();
    }

    @Override
    public boolean containsKey(@Nullable Object name) {
        return get(name) != null;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ByName<?> same ? entries.equals(same.entries) : super.equals(other);
    }

    @Override
    public int hashCode() {
        return super.hashCode();
    }

    @Override
    public Set<Map.Entry<String, V>> entrySet() {
        return new AbstractSet<>() {
            @Override
            public Iterator<Map.Entry<String, V>> iterator() {
                return entries.iterator();
            }

            @Override
            public int size() {
                return entries.size();
            }
        };
    }
}
