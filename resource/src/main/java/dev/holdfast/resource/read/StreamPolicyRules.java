package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Durations;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Quantity;
import dev.holdfast.resource.Resource;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** What a StreamPolicy may not say beyond each field's own shape. */
final class StreamPolicyRules {
    private static final int CLOSE_TEXT_OCTETS = 123;
    private static final long DRAIN_MILLIS = 10_000;
    private static final Pattern TIME = Pattern.compile("([0-9]{1,5}(h|m|s|ms)){1,4}");

    private StreamPolicyRules() {}

    static void check(Resource policy, List<Problem> problems) {
        Field spec = policy.spec();
        for (Field close : List.of(spec.get("drain"), spec.get("tokenExpiry"))) {
            Field code = close.get("code");
            long number = code.number(1001);
            // RFC 6455 §7.4: 1004 to 1006 and 1015 never stand in a frame; 1016 to 2999 are for later versions.
            boolean sendable = number <= 1003 || (number >= 1007 && number <= 1014) || number >= 3000;
            if (code.present() && !sendable) {
                add(
                        code,
                        problems,
                        number + " may not stand in a Close frame (RFC 6455 section 7.4)",
                        "Write 1001, 1012, or a code of your own from 4000 to 4999.");
            }
            Field text = close.get("text");
            if (text.text("").getBytes(StandardCharsets.UTF_8).length > CLOSE_TEXT_OCTETS) {
                add(text, problems, "a Close frame takes 123 octets of text at most", "Write a shorter text.");
            }
        }
        for (String path : List.of("ping.interval", "ping.timeout", "idleTimeout", "maxLifetime")) {
            Field time = spec.at(path);
            if (TIME.matcher(time.text("")).matches() && millis(time) == 0) {
                add(
                        time,
                        problems,
                        "a time of nothing would end every stream at once",
                        "Write a longer time, or remove the field.");
            }
        }
        Field time = spec.at("drain.time");
        Field jitter = spec.at("drain.jitter");
        if (jitter.present() && millis(jitter) > (time.present() ? millis(time) : DRAIN_MILLIS)) {
            add(
                    jitter,
                    problems,
                    "goodbyes cannot be spread over " + jitter.text("") + ", for the drain takes " + time.text("10s")
                            + " in all",
                    "Write a jitter no longer than drain.time.");
        }
        for (String path : List.of("limits.messageBytes", "limits.bytesPerSecond")) {
            Field bytes = spec.at(path);
            if (Quantity.of(bytes.text("")).equals(OptionalLong.of(0))) {
                add(
                        bytes,
                        problems,
                        "\"" + bytes.text("") + "\" is no number of bytes above zero",
                        "Write 65536, 64Ki or 1Mi.");
            }
        }
        if (spec.at("limits.onExceeded").present()
                && !spec.at("limits.messagesPerSecond").present()
                && !spec.at("limits.bytesPerSecond").present()) {
            add(
                    spec.at("limits.onExceeded"),
                    problems,
                    "there is no rate that could be exceeded",
                    "Add messagesPerSecond or bytesPerSecond, or remove onExceeded.");
        }
    }

    private static long millis(Field field) {
        return Durations.parse(field.text("")).toMillis();
    }

    private static void add(Field at, List<Problem> problems, String message, String fix) {
        problems.add(Problem.at(at.origin(), ProblemCode.INVALID_VALUE, Severity.ERROR, message, fix));
    }
}
