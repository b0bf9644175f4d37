package dev.holdfast.resource.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cel.common.CelValidationException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Every rule of the table can be read, and is passed over only where it holds. */
final class CelRuleTest {
    private static final Pattern LIST = Pattern.compile(
            "(\\w+)(?:\\.(?:all|exists|exists_one|filter|map|size)\\(|\\[\\d)|size\\((?:\\w+\\.)*(\\w+)\\)");
    private static final Pattern FIELD = Pattern.compile("self\\.(\\w+)");

    @Test
    void everyRuleCanBeReadAndAsked() {
        assertThat(rules()).hasSizeGreaterThan(200).allSatisfy(rule -> {
            boolean verdict = rule.evaluate(Map.of());
            assertThat(verdict || !verdict).isTrue();
        });
    }

    /** Rules whose third column names a field, on mappings without it and with any of the others, well or ill formed. */
    @Test
    void aRuleHoldsWithoutItsQuietFieldWhateverElseIsThere() {
        Random random = new Random(11);
        for (CelRule rule : rules()) {
            if (rule.quiet().isEmpty()) {
                continue;
            }
            List<String> names = new ArrayList<>();
            Matcher field = FIELD.matcher(rule.expression());
            while (field.find()) {
                names.add(field.group(1));
            }
            names.remove(rule.quiet());
            for (int i = 0; i < 50; i++) {
                Map<String, Object> self = new LinkedHashMap<>();
                for (String name : names) {
                    if (!name.equals(rule.quiet()) && random.nextBoolean()) {
                        self.put(
                                name,
                                List.of("x", 1L, true, Map.of(), List.of()).get(random.nextInt(5)));
                    }
                }
                assertThat(rule.holdsAnyway(self)).isTrue();
                assertThat(rule.evaluate(self))
                        .as("%s of %s", rule.expression(), self)
                        .isTrue();
            }
        }
    }

    /** What a rule is taken not to see changes its verdict nowhere. */
    @Test
    void whatAProjectionLeavesOutChangesNoVerdict() {
        Random random = new Random(12);
        for (CelRule rule : rules()) {
            Projection projection = Projection.of(rule.expression());
            List<String> names = new ArrayList<>(List.of("unseen", "other"));
            Matcher field = Pattern.compile("\\.(\\w+)(?!\\w*\\()").matcher(rule.expression());
            while (field.find()) {
                names.add(field.group(1));
            }
            // What is gone through or counted is a list; the checks of single fields have seen to that before.
            Set<String> lists = new TreeSet<>();
            Matcher list = LIST.matcher(rule.expression());
            while (list.find()) {
                lists.add(list.group(1) == null ? list.group(2) : list.group(1));
            }
            for (int i = 0; i < 60; i++) {
                Object self = value(random, rule, "self", names, lists, 3);
                assertThat(rule.evaluate(projection.of(self)))
                        .as("%s of %s", rule.expression(), self)
                        .isEqualTo(rule.evaluate(self));
            }
        }
    }

    private static Object value(
            Random random, CelRule rule, String of, List<String> names, Set<String> lists, int depth) {
        if (depth > 0 && lists.contains(of)) {
            return List.of(
                    value(random, rule, "", names, lists, depth - 1), value(random, rule, "", names, lists, depth - 1));
        }
        boolean inner = of.isEmpty() || of.equals("self") || inner(of, rule);
        if (depth == 0 || !inner || random.nextInt(5) == 0) {
            return lists.contains(of)
                    ? List.of()
                    : List.of("x", "a", 1L, 0L, true).get(random.nextInt(5));
        }
        Map<String, Object> out = new LinkedHashMap<>();
        for (String name : names) {
            if (random.nextBoolean()) {
                out.put(name, value(random, rule, name, names, lists, depth - 1));
            }
        }
        return out;
    }

    /** Whether the rule looks into the field; one that it only compares is a text, a number or a truth. */
    private static boolean inner(String name, CelRule rule) {
        return Pattern.compile("\\b" + name + "\\.\\w+\\b(?!\\()")
                .matcher(rule.expression())
                .find();
    }

    @Test
    void anExpressionThatNeedsAnAbsentFieldDoesNotHold() throws CelValidationException {
        assertThat(rule("self.a == 'b'").holds(Map.of())).isFalse();
        assertThat(rule("!isIP(self)").holds("10.0.0.1")).isFalse();
        assertThat(rule("!isIP(self)").holds("example.org")).isTrue();
    }

    private static CelRule rule(String expression) throws CelValidationException {
        return new CelRule(expression, "", "", RuleTreeTest.tree(expression));
    }

    private static Set<CelRule> rules() {
        Set<CelRule> out = new TreeSet<>(
                java.util.Comparator.comparing(CelRule::expression).thenComparing(CelRule::message));
        for (String kind : Schema.get().kinds()) {
            collect(Schema.get().of(kind), out);
        }
        return out;
    }

    private static void collect(Shape shape, Set<CelRule> out) {
        out.addAll(shape.rules);
        shape.fields.values().forEach(s -> collect(s, out));
        if (shape.item != null) {
            collect(shape.item, out);
        }
        if (shape.values != null) {
            collect(shape.values, out);
        }
    }
}
