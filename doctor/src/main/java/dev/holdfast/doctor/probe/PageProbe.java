package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.Wire;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A page by one HTTP version, redirects followed as long as they stay on the same host and scheme. */
public final class PageProbe implements Probe {
    public static final String HTTP1 = "page-http1";
    public static final String HTTP2 = "page-http2";
    private static final int MOST_REDIRECTS = 8;

    private final boolean http2;

    public PageProbe(boolean http2) {
        this.http2 = http2;
    }

    @Override
    public String name() {
        return http2 ? HTTP2 : HTTP1;
    }

    /** How the walk along redirects ended. */
    public enum Walk {
        ARRIVED,
        LOOP,
        /** To another host or scheme, where we do not follow. */
        ELSEWHERE
    }

    /** @param answers each answer on the way, at least one */
    public record Page(List<String> paths, List<Answer> answers, Walk walk) {
        public Page {
            paths = List.copyOf(paths);
            answers = List.copyOf(answers);
        }

        public Answer first() {
            return answers.getFirst();
        }

        public Answer last() {
            return answers.getLast();
        }

        String line() {
            Answer last = last();
            String size = last.end() == Answer.End.OPEN && last.isEventStream()
                    ? "an event stream"
                    : last.length()
                            + (last.end() == Answer.End.LIMIT ? " bytes and more" : " bytes")
                            + switch (last.end()) {
                                case TIMEOUT -> ", then no end of it";
                                case CUT -> ", then cut off";
                                default -> "";
                            };
            String redirects = walk == Walk.LOOP
                    ? ", redirects in a circle"
                    : walk == Walk.ELSEWHERE
                            ? ", redirects to " + last.header("location").orElse("?")
                            : answers.size() > 1 ? " after " + (answers.size() - 1) + " redirects" : "";
            return last.version() + " " + last.status() + " " + paths.getLast() + redirects + ", first byte "
                    + Exam.millis(last.firstByte()) + ", " + size;
        }

        Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("version", last().version());
            facts.put("status", last().status());
            facts.put("path", paths.getLast());
            facts.put("redirects", answers.size() - 1);
            facts.put("walk", walk.name());
            facts.put("firstByteMillis", last().firstByte().toMillis());
            facts.put("totalMillis", last().total().toMillis());
            facts.put("bytes", last().length());
            facts.put("end", last().end().name());
            last().header("server").ifPresent(s -> facts.put("server", s));
            return facts;
        }
    }

    /** @param front the front page, asked for where the target's own path said little */
    public record Http1Page(Page page, Optional<Answer> front) implements Reading {
        @Override
        public String probe() {
            return HTTP1;
        }

        @Override
        public String line() {
            return page.line();
        }

        @Override
        public Map<String, Object> facts() {
            return page.facts();
        }
    }

    public record Http2Page(Page page) implements Reading {
        @Override
        public String probe() {
            return HTTP2;
        }

        @Override
        public String line() {
            return page.line();
        }

        @Override
        public Map<String, Object> facts() {
            return page.facts();
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (http2) {
            if (!exam.speaksHttp2()) {
                return new Reading.Skipped(
                        HTTP2, exam.target().secure() ? "the server does not speak h2" : "h2 is for https only");
            }
            try (Http2 connection = exam.http2()) {
                return new Http2Page(walk(
                        exam,
                        request -> connection.exchange(
                                request, exam.target().scheme(), Exam.PAGE_BYTES, exam.deadline())));
            }
        }
        Page page = walk(exam, request -> {
            try (Wire wire = exam.http1()) {
                return new Http1(wire).exchange(request, Exam.PAGE_BYTES, exam.deadline());
            }
        });
        return new Http1Page(page, front(exam, page));
    }

    private static Optional<Answer> front(Exam exam, Page page) {
        if (exam.target().path().equals("/") || page.last().status() < 300) {
            return Optional.empty();
        }
        try (Wire wire = exam.http1()) {
            return Optional.of(new Http1(wire).exchange(exam.page("/"), Exam.PAGE_BYTES, exam.deadline()));
        } catch (IOException notThere) {
            return Optional.empty();
        }
    }

    private interface Fetch {
        Answer fetch(Request request) throws IOException;
    }

    private static Page walk(Exam exam, Fetch fetch) throws IOException {
        List<String> paths = new ArrayList<>();
        List<Answer> answers = new ArrayList<>();
        String path = exam.target().path();
        while (true) {
            paths.add(path);
            Answer answer = fetch.fetch(exam.page(path));
            answers.add(answer);
            if (answer.status() < 300 || answer.status() > 308 || answer.status() == 304) {
                return new Page(paths, answers, Walk.ARRIVED);
            }
            Optional<String> next = samePlace(exam.target(), path, answer);
            if (next.isEmpty()) {
                return new Page(paths, answers, Walk.ELSEWHERE);
            }
            if (paths.contains(next.get()) || answers.size() > MOST_REDIRECTS) {
                return new Page(paths, answers, Walk.LOOP);
            }
            path = next.get();
        }
    }

    /** The path redirected to, where it is the same scheme, host and port. */
    static Optional<String> samePlace(Target target, String path, Answer answer) {
        try {
            URI from = new URI(target.origin() + path);
            URI to = from.resolve(new URI(answer.header("location").orElse("")));
            Target other = Target.parse(to.toString());
            boolean same = other.secure() == target.secure()
                    && other.host().equals(target.host())
                    && other.port() == target.port();
            return same ? Optional.of(other.path()) : Optional.empty();
        } catch (URISyntaxException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
