package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** The page with X-Forwarded headers as a proxy adds them: does the answer change? */
public final class ForwardedProbe implements Probe {
    public static final String NAME = "forwarded";
    /** An address of documentation (RFC 5737). */
    private static final String CLIENT = "192.0.2.1";

    @Override
    public String name() {
        return NAME;
    }

    /** Which headers were added. */
    public enum Variant {
        NONE,
        FOR,
        FOR_AND_PROTO,
        FOR_NO_ADDRESS,
        PROTO_TWICE,
        HOST,
        HOST_TWICE,
        HOST_EMPTY
    }

    /** Status of each, 0 where there was no answer. */
    public record Forwarded(Map<Variant, Integer> statuses, String body) implements Reading {
        public Forwarded {
            statuses = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(statuses));
        }

        @Override
        public String probe() {
            return NAME;
        }

        public int status(Variant variant) {
            return statuses.getOrDefault(variant, 0);
        }

        @Override
        public String line() {
            return statuses.values().stream().distinct().count() == 1
                    ? "the same answer with and without X-Forwarded headers"
                    : statuses.entrySet().stream()
                            .map(e -> e.getKey() + " " + e.getValue())
                            .collect(Collectors.joining(", "));
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            statuses.forEach((k, v) -> facts.put(k.name(), v));
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        List<Callable<Answer>> tasks = new ArrayList<>();
        for (Variant variant : Variant.values()) {
            tasks.add(() -> fetch(exam, variant));
        }
        List<Answer> answers = Exam.together(tasks);
        Map<Variant, Integer> statuses = new LinkedHashMap<>();
        for (int i = 0; i < answers.size(); i++) {
            statuses.put(Variant.values()[i], answers.get(i).status());
        }
        return new Forwarded(statuses, answers.get(Variant.FOR.ordinal()).excerpt());
    }

    private static Answer fetch(Exam exam, Variant variant) throws IOException {
        try {
            return exam.fetch(exam.page(exam.target().path()).with(headers(exam.target(), variant)));
        } catch (WireException none) {
            return new Answer(
                    "",
                    0,
                    none.line(),
                    List.of(),
                    new byte[0],
                    0,
                    Answer.End.CUT,
                    java.time.Duration.ZERO,
                    java.time.Duration.ZERO,
                    List.of());
        }
    }

    private static List<Header> headers(Target target, Variant variant) {
        Header from = new Header("X-Forwarded-For", CLIENT);
        Header scheme = new Header("X-Forwarded-Proto", target.scheme());
        return switch (variant) {
            case NONE -> List.of();
            case FOR -> List.of(from);
            case FOR_AND_PROTO -> List.of(from, scheme);
            case FOR_NO_ADDRESS -> List.of(new Header("X-Forwarded-For", "unknown"));
            case PROTO_TWICE ->
                List.of(from, new Header("X-Forwarded-Proto", target.scheme() + ", " + target.scheme()));
            case HOST -> List.of(from, scheme, new Header("X-Forwarded-Host", target.authority()));
            case HOST_TWICE ->
                List.of(from, scheme, new Header("X-Forwarded-Host", target.authority() + ", " + target.authority()));
            case HOST_EMPTY -> List.of(from, scheme, new Header("X-Forwarded-Host", ""));
        };
    }
}
