package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The handshake four times more, one after the other, each on a connection of its own: what is wrong now and then only? */
public final class RepeatProbe implements Probe {
    public static final String NAME = "repeat";
    private static final int MORE = 4;
    /** After a handshake that stood for a second already. */
    private static final Duration BRIEF = Duration.ofMillis(150);

    @Override
    public String name() {
        return NAME;
    }

    /** None is begun in the second half, so that each has its whole time. */
    @Override
    public Duration allowance(Options options) {
        return options.timeout().multipliedBy(2);
    }

    /** @param all in their order, that of {@link UpgradeProbe} first */
    public record Repeats(List<Handshake> all) implements Reading {
        public Repeats {
            all = List.copyOf(all);
        }

        @Override
        public String probe() {
            return NAME;
        }

        public long stood() {
            return all.stream().filter(Handshake::stands).count();
        }

        /** Some came through and some did not, although all were the same. */
        public boolean mixed() {
            return stood() > 0 && stood() < all.size();
        }

        @Override
        public String line() {
            String failures = all.stream()
                    .filter(h -> !h.stands())
                    .map(Handshake::line)
                    .findFirst()
                    .map(line -> "; one that did not: " + line)
                    .orElse("");
            return stood() + " of " + all.size() + " handshakes came through" + failures;
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("asked", all.size());
            facts.put("stood", stood());
            facts.put("each", all.stream().map(Handshake::line).toList());
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) {
        UpgradeProbe.Upgrade first =
                exam.readings().find(UpgradeProbe.Upgrade.class).orElse(null);
        if (first == null) {
            return new Reading.Skipped(NAME, "no handshake to repeat");
        }
        Duration listen = first.handshake().stands() ? BRIEF : Handshake.LISTEN;
        Deadline begin = exam.deadline().orIn(exam.options().timeout());
        List<Handshake> all = new ArrayList<>(List.of(first.handshake()));
        while (all.size() <= MORE && !begin.passed()) {
            all.add(Handshake.by(
                    exam,
                    exam.upgrade(first.path(), WebSocket.newKey()),
                    exam.deadline().orIn(exam.options().timeout()),
                    listen));
        }
        return new Repeats(all);
    }
}
