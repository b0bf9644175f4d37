package dev.holdfast.plan;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A map by names that is sorted and never changes: one array, so that making it anew of sorted names takes one pass. */
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
        @SuppressWarnings({"unchecked", "rawtypes"})
        Map.Entry<String, V>[] entries = new Map.Entry[map.size()];
        int i = 0;
        for (Map.Entry<String, V> entry : map.entrySet()) {
            entries[i++] = Map.entry(entry.getKey(), entry.getValue());
        }
        Arrays.sort(entries, Map.Entry.comparingByKey());
        return new ByName<>(List.of(entries));
    }

    @Override
    public @Nullable V get(@Nullable Object name) {
        int low = 0;
        int high = entries.size() - 1;
        while (low <= high && name instanceof String text) {
            int middle = (low + high) >>> 1;
            int order = entries.get(middle).getKey().compareTo(text);
            if (order == 0) {
                return entries.get(middle).getValue();
            }
            low = order < 0 ? middle + 1 : low;
            high = order < 0 ? high : middle - 1;
        }
        return null;
    }

    @Override
    public boolean containsKey(@Nullable Object name) {
        return get(name) != null;
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
