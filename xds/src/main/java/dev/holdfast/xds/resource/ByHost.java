package dev.holdfast.xds.resource;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What covers a host name pattern most closely: the pattern itself, else the longest {@code *.} above it, else {@code *}. */
final class ByHost<T> {
    private final Map<String, T> patterns;

    ByHost(Map<String, T> patterns) {
        this.patterns = patterns;
    }

    ByHost(List<T> all, Function<T, String> pattern) {
        this(new HashMap<>());
        all.forEach(one -> patterns.putIfAbsent(pattern.apply(one), one));
    }

    @Nullable
    T covering(String domain) {
        T found = patterns.get(domain);
        int dot = domain.indexOf('.', domain.startsWith("*.") ? 2 : 0);
        while (found == null && dot >= 0) {
            found = patterns.get("*" + domain.substring(dot));
            dot = domain.indexOf('.', dot + 1);
        }
        return found == null ? patterns.get("*") : found;
    }
}
