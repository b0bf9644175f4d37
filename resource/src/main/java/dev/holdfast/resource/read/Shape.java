package dev.holdfast.resource.read;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What may stand at one place of a kind, as the table of fields has it. Limits are read from the table's text when they
 * are first asked for, since most kinds never come.
 */
final class Shape {
    private static final Pattern LIMIT =
            Pattern.compile("(minItems|maxItems|minLen|maxLen|minProps|maxProps|min|max)=(-?\\d+)");
    private static final Pattern KEY = Pattern.compile("listKeys=\\[\"(\\w+)\"]");
    private static final Pattern ALTERNATIVES = Pattern.compile("\"enum\": \\[([^\\]]*)]");

    String type = "object";
    List<String> allowed = List.of();
    String constraints = "";
    String fallback = "";
    /** Of a kind: the group and version that it is read in. */
    String apiVersion = "";

    boolean required;
    final Map<String, Shape> fields = new LinkedHashMap<>();
    /** Rules over this place and what lies below it. */
    final List<CelRule> rules = new ArrayList<>(0);

    @Nullable
    Shape item;

    @Nullable
    Shape values;

    private volatile @Nullable Limits limits;
    private volatile @Nullable List<String> needed;
    private volatile @Nullable Map<String, Object> defaults;

    /** Bounds of a number, a text's characters, a list's entries or a mapping's keys. */
    record Limits(
            Map<String, Long> bounds,
            @Nullable Pattern pattern,
            String expression,
            String key,
            boolean set,
            boolean openEnded,
            boolean address) {}

    Limits limits() {
        Limits known = limits;
        if (known == null) {
            known = read();
            limits = known;
        }
        return known;
    }

    /** Fields that must be there; none that has a default. */
    List<String> needed() {
        List<String> known = needed;
        if (known == null) {
            known = fields.entrySet().stream()
                    .filter(f -> f.getValue().required && f.getValue().fallback.isEmpty())
                    .map(Map.Entry::getKey)
                    .toList();
            needed = known;
        }
        return known;
    }

    /** What stands where a field is left out. */
    Map<String, Object> defaults() {
        Map<String, Object> known = defaults;
        if (known == null) {
            Map<String, Object> made = new LinkedHashMap<>();
            fields.forEach((name, child) -> {
                if (!child.fallback.isEmpty()) {
                    made.put(name, Defaults.of(child));
                }
            });
            known = made;
            defaults = known;
        }
        return known;
    }

    boolean unlimited() {
        return constraints.isEmpty();
    }

    private Limits read() {
        int at = constraints.indexOf("pattern=");
        String plain = at < 0 ? constraints : constraints.substring(0, at);
        Map<String, Long> bounds = new LinkedHashMap<>();
        Matcher limit = LIMIT.matcher(plain);
        while (limit.find()) {
            bounds.put(limit.group(1), Long.parseLong(limit.group(2)));
        }
        Matcher key = KEY.matcher(plain);
        Matcher alternatives = ALTERNATIVES.matcher(plain);
        // Several enumerations must hold together; the first is the narrowest in all of the tables.
        if (plain.contains("allOf=") && alternatives.find() && allowed.isEmpty()) {
            allowed = List.of(alternatives.group(1).replace("\"", "").split(", "));
        }
        String expression =
                at < 0 ? "" : constraints.substring(at + "pattern=".length()).replace("\\\\", "\\");
        return new Limits(
                bounds,
                expression.isEmpty() ? null : Pattern.compile(ends(expression)),
                expression,
                key.find() ? key.group(1) : "",
                plain.contains("listType=set"),
                plain.contains("preserveUnknown=true"),
                plain.contains("oneOf="));
    }

    /** {@code $} of RE2 is the end of the text, not that of its last line. */
    private static String ends(String expression) {
        return expression.replace("$|", "\\z|").replaceAll("(?<!\\\\)\\$$", "\\\\z");
    }

    /** The place at {@code path} below this one, made where it is not there yet. */
    Shape make(String path) {
        Shape at = this;
        for (String part : path.split("\\.")) {
            String name = part;
            StringBuilder tail = new StringBuilder();
            while (name.endsWith("[]") || name.endsWith("{}")) {
                tail.insert(0, name.charAt(name.length() - 2));
                name = name.substring(0, name.length() - 2);
            }
            at = at.fields.computeIfAbsent(name, n -> new Shape());
            for (int i = 0; i < tail.length(); i++) {
                if (tail.charAt(i) == '[') {
                    at.item = at.item == null ? new Shape() : at.item;
                    at = at.item;
                } else {
                    at.values = at.values == null ? new Shape() : at.values;
                    at = at.values;
                }
            }
        }
        return at;
    }
}
