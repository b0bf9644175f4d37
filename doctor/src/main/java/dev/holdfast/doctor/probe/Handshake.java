package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Duplex;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.WebSocket;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A WebSocket handshake and what followed it, within {@link #LISTEN} mostly.
 *
 * @param answer absent where {@code failure} says why there was none
 * @param accepted Sec-WebSocket-Accept is what the key asks for
 * @param frames at most 20
 * @param end how the connection ended within that time; absent while it stands
 */
public record Handshake(
        Request request,
        Optional<Answer> answer,
        Optional<WireException> failure,
        boolean accepted,
        List<WebSocket.Frame> frames,
        Optional<WireException> end,
        Duration listened) {
    public static final Duration LISTEN = Duration.ofSeconds(1);

    public Handshake {
        frames = List.copyOf(frames);
    }

    public boolean switched() {
        return answer.filter(a -> a.status() == 101).isPresent();
    }

    /** The Close frame, where one came. */
    public Optional<WebSocket.Frame> close() {
        return frames.stream().filter(f -> f.opcode() == WebSocket.CLOSE).findFirst();
    }

    /** Open, and still so when we stopped listening. */
    public boolean stands() {
        return switched() && accepted && close().isEmpty() && end.isEmpty();
    }

    public boolean says(String words) {
        return frames.stream().anyMatch(f -> f.text().contains(words));
    }

    public int status() {
        return answer.map(Answer::status).orElse(0);
    }

    public String line() {
        if (failure.isPresent()) {
            return failure.get().line();
        }
        String first = answer.map(a -> (a.version() + " " + a.status() + " " + a.reason()).strip())
                .orElse("no answer");
        if (!switched()) {
            String body = answer.map(Answer::excerpt).orElse("");
            return first + (body.isEmpty() ? "" : ": \"" + body + "\"");
        }
        if (!accepted) {
            return first + ", with a wrong or missing Sec-WebSocket-Accept";
        }
        if (close().isPresent()) {
            WebSocket.Frame frame = close().get();
            return first + ", then Close " + frame.closeCode()
                    + (frame.text().isEmpty() ? "" : " \"" + frame.text() + "\"") + " after " + Exam.millis(listened);
        }
        if (end.isPresent()) {
            return first + ", then " + end.get().line();
        }
        return first
                + frames.stream()
                        .filter(f -> f.opcode() == WebSocket.TEXT)
                        .findFirst()
                        .map(f -> ", first message \"" + f.text() + "\"")
                        .orElse(", open");
    }

    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("sent", request.lines("HTTP/1.1"));
        answer.ifPresent(a -> facts.put("received", a.lines()));
        answer.ifPresent(a -> facts.put("status", a.status()));
        failure.ifPresent(f -> facts.put("failure", f.line()));
        facts.put("stands", stands());
        close().ifPresent(c -> facts.put("closeCode", c.closeCode()));
        close().ifPresent(c -> facts.put("closeText", c.text()));
        end.ifPresent(e -> facts.put("end", e.line()));
        return facts;
    }

    /** On a connection of its own, closed politely afterwards. */
    static Handshake by(Exam exam, Request request) {
        return by(exam, request, exam.deadline(), LISTEN);
    }

    static Handshake by(Exam exam, Request request, Deadline deadline, Duration listen) {
        try (Wire wire = exam.http1()) {
            Handshake handshake = on(wire, request, deadline, listen);
            if (handshake.stands()) {
                new WebSocket(wire).bye();
            }
            return handshake;
        } catch (WireException e) {
            return failed(request, e);
        }
    }

    private static Handshake on(Wire wire, Request request, Deadline deadline, Duration listen) {
        try {
            Answer answer = new Http1(wire).exchange(request, 64 * 1024, deadline);
            String key = Header.first(request.headers(), "sec-websocket-key").orElse("");
            boolean accepted = answer.header("sec-websocket-accept").orElse("").equals(WebSocket.accept(key));
            if (answer.status() != 101 || !accepted) {
                return new Handshake(
                        request,
                        Optional.of(answer),
                        Optional.empty(),
                        accepted,
                        List.of(),
                        Optional.empty(),
                        Duration.ZERO);
            }
            Heard heard = listen(wire, deadline.orIn(listen));
            return new Handshake(
                    request, Optional.of(answer), Optional.empty(), true, heard.frames, heard.end, heard.listened);
        } catch (WireException e) {
            return failed(request, e);
        } catch (IOException e) {
            return failed(request, new WireException(WireException.Kind.CLOSED, "the handshake broke off"));
        }
    }

    private static Handshake failed(Request request, WireException why) {
        return new Handshake(
                request, Optional.empty(), Optional.of(why), false, List.of(), Optional.empty(), Duration.ZERO);
    }

    /** What came on an open WebSocket. */
    record Heard(List<WebSocket.Frame> frames, Optional<WireException> end, Duration listened) {}

    static Heard listen(Duplex duplex, Deadline until) {
        long start = System.nanoTime();
        List<WebSocket.Frame> frames = new ArrayList<>();
        Optional<WireException> end = Optional.empty();
        WebSocket socket = new WebSocket(duplex);
        try {
            while (frames.size() < 20) {
                WebSocket.Frame frame = socket.read(until);
                frames.add(frame);
                if (frame.opcode() == WebSocket.PING && frame.length() <= 125) {
                    socket.write(WebSocket.PONG, frame.payload());
                }
                if (frame.opcode() == WebSocket.CLOSE) {
                    break;
                }
            }
        } catch (WireException e) {
            end = e.kind() == WireException.Kind.TIMEOUT ? Optional.empty() : Optional.of(e);
        } catch (IOException e) {
            end = Optional.of(new WireException(WireException.Kind.CLOSED, "the connection broke off"));
        }
        return new Heard(frames, end, Duration.ofNanos(System.nanoTime() - start));
    }
}
