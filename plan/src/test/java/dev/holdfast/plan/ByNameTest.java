package dev.holdfast.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

final class ByNameTest {
    private static final int RUNS = 500;

    private static Map<String, Integer> some(Random random) {
        Map<String, Integer> out = new HashMap<>();
        for (int i = random.nextInt(12); i > 0; i--) {
            out.put("n" + random.nextInt(12), random.nextInt(3));
        }
        return out;
    }

    @Test
    void isTheMapItWasMadeOfInOrderOfNames() {
        Random random = new Random(1);
        for (int run = 0; run < RUNS; run++) {
            Map<String, Integer> map = some(random);
            assertThat(ByName.of(map)).isEqualTo(map).hasSameHashCodeAs(map);
            assertThat(List.copyOf(ByName.of(map).keySet())).isEqualTo(List.copyOf(new TreeMap<>(map).keySet()));
            map.forEach((name, value) -> assertThat(ByName.of(map).get(name)).isEqualTo(value));
            assertThat(ByName.of(map).containsKey("m")).isFalse();
        }
    }

    @Test
    void differsFromAnotherInWhatIsNotTheSameThere() {
        Random random = new Random(2);
        for (int run = 0; run < RUNS; run++) {
            Map<String, Integer> map = some(random);
            Map<String, Integer> other = some(random);
            Map<String, Integer> expected = new HashMap<>(map);
            expected.entrySet().removeAll(other.entrySet());
            assertThat(ByName.of(map).besides(ByName.of(other))).isEqualTo(expected);
            assertThat(ByName.of(map).equals(ByName.of(other))).isEqualTo(map.equals(other));
        }
    }

    @Test
    void withChangesIsWhatAMapWouldBe() {
        Random random = new Random(3);
        for (int run = 0; run < RUNS; run++) {
            Map<String, Integer> map = some(random);
            Map<String, Integer> put = some(random);
            Set<String> gone = new HashSet<>(some(random).keySet());
            Map<String, Integer> expected = new HashMap<>(map);
            expected.keySet().removeAll(gone);
            expected.putAll(put);
            assertThat(List.copyOf(ByName.of(map).with(put, gone).entrySet()))
                    .isEqualTo(List.copyOf(new TreeMap<>(expected).entrySet()));
        }
    }

    @Test
    void alongAnotherOnlyWhatDoesNotHoldIsMade() {
        Random random = new Random(4);
        for (int run = 0; run < RUNS; run++) {
            Map<String, Integer> map = some(random);
            ByName<String> before = ByName.along(
                    ByName.of(some(random)), ByName.of(Map.of()), (number, text) -> true, (name, n) -> "made " + n);
            Map<String, Integer> made = new HashMap<>();
            ByName<String> after = ByName.along(
                    ByName.of(map), before, (number, text) -> text.equals("made " + number), (name, number) -> {
                        made.merge("made " + number, 1, Integer::sum);
                        return "made " + number;
                    });
            assertThat(after.keySet()).isEqualTo(map.keySet());
            map.forEach((name, number) -> {
                assertThat(after.get(name)).isEqualTo("made " + number);
                if (("made " + number).equals(before.get(name))) {
                    assertThat(after.get(name)).isSameAs(before.get(name));
                }
            });
            assertThat(ByName.along(ByName.of(map), after, (number, text) -> true, (name, n) -> "never"))
                    .isSameAs(after);
        }
    }

    @Test
    void severalAreJoinedInOrder() {
        ByName<Integer> a = ByName.of(Map.of("a/2", 1, "a/1", 2));
        ByName<Integer> b = ByName.of(Map.of("a-b/1", 3));
        assertThat(List.copyOf(ByName.joined(List.of(a, b)).keySet())).containsExactly("a-b/1", "a/1", "a/2");
        assertThat(ByName.joined(List.of(ByName.of(Map.of()), b))).isSameAs(b);
    }
}
