package dev.holdfast.resource.read;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a rule can see of a value: fields that its expression names nowhere cannot change its verdict. Where an expression
 * handles a value as a whole (compares it, passes it on), all of it is seen.
 */
final class Projection {
    private static final Pattern TEXT = Pattern.compile("'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"");
    private static final Pattern NAME = Pattern.compile("\\.\\s*(\\w+)");
    private static final Pattern VARIABLE =
            Pattern.compile("\\.(?:all|exists|exists_one|filter|map)\\(\\s*(\\w+)\\s*,");
    private static final Projection WHOLE = new Projection(Set.of());

    private final Set<String> names;

    private Projection(Set<String> names) {
        this.names = names;
    }

    static Projection of(String expression) {
        String code = TEXT.matcher(expression).replaceAll("''");
        Set<String> variables = new HashSet<>(Set.of("self"));
        Matcher variable = VARIABLE.matcher(code);
        while (variable.find()) {
            variables.add(variable.group(1));
        }
        String declared = VARIABLE.matcher(code).replaceAll(".each(");
        Matcher bare = Pattern.compile(
                        "(?<![\\w.])(" + String.join("|", variables) + ")(?![\\w])(?!\\s*\\.|\\[\\d+]\\.)")
                .matcher(declared);
        if (bare.find() || declared.contains("['']") || declared.contains("+ [")) {
            return WHOLE;
        }
        Set<String> names = new HashSet<>();
        Matcher name = NAME.matcher(code);
        while (name.find()) {
            names.add(name.group(1));
        }
        return new Projection(Set.copyOf(names));
    }

    Object of(Object value) {
        return names.isEmpty() ? value : seen(value);
    }

    private Object seen(Object value) {
        return switch (value) {
            // Keys that are free are data, not fields.
            case TreeMap<?, ?> free -> free;
            case Map<?, ?> map -> {
                Map<Object, Object> out = new HashMap<>();
                map.forEach((key, item) -> {
                    if (names.contains(key)) {
                        out.put(key, seen(item));
                    }
                });
                yield out;
            }
            case List<?> list -> {
                List<Object> out = new ArrayList<>(list.size());
                list.forEach(item -> out.add(seen(item)));
                yield out;
            }
            default -> value;
        };
    }
}
