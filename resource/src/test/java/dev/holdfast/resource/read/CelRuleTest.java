package dev.holdfast.resource.read;

import static org.assertj.core.api.Assertions.assertThat;

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
    private static final Pattern FIELD = Pattern.compile("self\\.(\\w+)");

    @Test
    void everyRuleCanBeReadAndAsked() {
        assertThat(rules()).hasSizeGreaterThan(200).allSatisfy(rule -> {
            boolean verdict = rule.holds(Map.of());
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
                assertThat(rule.holds(self))
                        .as("%s of %s", rule.expression(), self)
                        .isTrue();
            }
        }
    }

    @Test
    void anExpressionThatNeedsAnAbsentFieldDoesNotHold() {
        assertThat(new CelRule("self.a == 'b'", "", "").holds(Map.of())).isFalse();
        assertThat(new CelRule("!isIP(self)", "", "").holds("10.0.0.1")).isFalse();
        assertThat(new CelRule("!isIP(self)", "", "").holds("example.org")).isTrue();
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
