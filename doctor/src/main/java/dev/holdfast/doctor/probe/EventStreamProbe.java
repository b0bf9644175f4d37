package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Server-sent events at the target's path: do they come one by one or in a heap, are they compressed for who takes that,
 * and is the stream cut? With {@code --deep} it is watched to the end of the time.
 */
public final class EventStreamProbe implements Probe {
    public static final String NAME = "event-stream";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Duration allowance(Options options) {
        Duration watch = options.deep() ? options.deepTime().plus(options.timeout()) : options.timeout();
        return watch.plus(options.timeout());
    }

    /** The answer to a HEAD says that events are here; the one to a GET had not begun when its time was over. */
    public record HeldBack(Answer head) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return "a HEAD is answered with an event stream's head, a GET with nothing at all in the time allowed";
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("status", head.status(), "headersOfHead", head.lines());
        }
    }

    /** @param encoding content-encoding for who accepts gzip, as browsers do */
    public record EventStream(Answer answer, Optional<String> encoding) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        public int events() {
            return (int) answer.text().lines().filter(l -> l.startsWith("data")).count();
        }

        public Duration firstEvent() {
            return answer.arrivals().isEmpty()
                    ? Duration.ZERO
                    : answer.arrivals().getFirst().at();
        }

        /** Pieces that came at least 20 ms apart. */
        public int bursts() {
            int bursts = 0;
            Duration last = Duration.ofDays(-1);
            for (Answer.Arrival arrival : answer.arrivals()) {
                if (arrival.at().minus(last).toMillis() >= 20) {
                    bursts++;
                }
                last = arrival.at();
            }
            return bursts;
        }

        @Override
        public String line() {
            return "head after " + Exam.millis(answer.firstByte()) + ", "
                    + (answer.arrivals().isEmpty()
                            ? "no event"
                            : events() + " events in " + bursts() + " pieces, the first after "
                                    + Exam.millis(firstEvent()))
                    + switch (answer.end()) {
                        case CUT -> ", cut off after " + Exam.millis(answer.total());
                        case COMPLETE -> ", ended by the server after " + Exam.millis(answer.total());
                        default -> "";
                    }
                    + encoding.map(e -> "; in " + e + " where that is accepted").orElse("");
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("status", answer.status());
            facts.put("events", events());
            facts.put("pieces", bursts());
            facts.put("headMillis", answer.firstByte().toMillis());
            facts.put("firstEventMillis", firstEvent().toMillis());
            facts.put("end", answer.end().name());
            facts.put("totalMillis", answer.total().toMillis());
            encoding.ifPresent(e -> facts.put("contentEncoding", e));
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        boolean likely = exam.readings()
                .find(PageProbe.Http1Page.class)
                .filter(p -> p.page().last().isEventStream())
                .isPresent();
        boolean page = exam.readings().find(PageProbe.Http1Page.class).isPresent();
        if (page && !likely) {
            return new Reading.Skipped(NAME, "the target is no event stream; give the URL of one to have it examined");
        }
        Request request = exam.page(exam.target().path()).with(List.of(new Header("Accept", "text/event-stream")));
        boolean hung = exam.readings().failed(PageProbe.HTTP1, WireException.Kind.TIMEOUT);
        Optional<Answer> head =
                hung ? head(exam, new Request("HEAD", request.path(), request.headers())) : Optional.empty();
        if (hung && head.isEmpty()) {
            return new Reading.Skipped(NAME, "a GET is not answered, and a HEAD not with an event stream's head");
        }
        try (Wire wire = exam.http1()) {
            Answer answer = new Http1(wire)
                    .exchange(
                            request,
                            Exam.PAGE_BYTES,
                            exam.deadline().orIn(listen(exam)),
                            arrivals -> !exam.options().deep() && spread(arrivals));
            return answer.isEventStream()
                    ? new EventStream(answer, encoding(exam, request))
                    : new Reading.Skipped(NAME, "the target is no event stream");
        } catch (WireException e) {
            if (head.isPresent() && e.kind() == WireException.Kind.TIMEOUT) {
                return new HeldBack(head.get());
            }
            throw e;
        }
    }

    /** As browsers ask; compression is for them. */
    private static Optional<String> encoding(Exam exam, Request request) {
        return head(exam, request.with(List.of(new Header("Accept-Encoding", "gzip"))))
                .flatMap(a -> a.header("content-encoding"))
                .filter(e -> !e.equalsIgnoreCase("identity"));
    }

    /** Of an event stream, where one begins soon enough. */
    private static Optional<Answer> head(Exam exam, Request request) {
        try (Wire wire = exam.http1()) {
            Duration half = exam.options().timeout().dividedBy(2);
            return Optional.of(new Http1(wire).head(request, exam.deadline().orIn(half)))
                    .filter(Answer::isEventStream);
        } catch (IOException none) {
            return Optional.empty();
        }
    }

    private static Duration listen(Exam exam) {
        return exam.options().deep()
                ? exam.options().deepTime()
                : exam.options().timeout().multipliedBy(9).dividedBy(10);
    }

    /** Three pieces well apart: nobody holds them back. */
    private static boolean spread(List<Answer.Arrival> arrivals) {
        return arrivals.size() >= 3
                && arrivals.getLast().at().minus(arrivals.getFirst().at()).toMillis() >= 100;
    }
}
