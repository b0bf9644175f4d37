package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;

/** What a StreamPolicy may not say beyond each field's own shape. */
final class StreamPolicyRules {
    private static final int CLOSE_TEXT_OCTETS = 123;
    private static final Pattern NOTHING = Pattern.compile("(0+(h|ms|m|s))+");
    private static final Pattern BYTES = Pattern.compile("[0-9]{1,15}(Ki|Mi|Gi|k|M|G)?");

    private StreamPolicyRules() {}

    static void check(Resource policy, List<Problem> problems) {
        Field spec = policy.spec();
        Field code = spec.at("drain.code");
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
        Field text = spec.at("drain.text");
        if (text.text("").getBytes(StandardCharsets.UTF_8).length > CLOSE_TEXT_OCTETS) {
            add(text, problems, "a Close frame takes 123 octets of text at most", "Write a shorter text.");
        }
        Field interval = spec.at("ping.interval");
        if (interval.present() && NOTHING.matcher(interval.text("")).matches()) {
            add(interval, problems, "an interval of nothing would ping without end", "Write 30s, or remove ping.");
        }
        for (String path : List.of("limits.messageBytes", "limits.bytesPerSecond")) {
            Field bytes = spec.at(path);
            if (bytes.present() && !BYTES.matcher(bytes.text("")).matches()) {
                add(bytes, problems, "\"" + bytes.text("") + "\" is no number of bytes", "Write 65536, 64Ki or 1Mi.");
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

    private static void add(Field at, List<Problem> problems, String message, String fix) {
        problems.add(Problem.at(at.origin(), ProblemCode.INVALID_VALUE, Severity.ERROR, message, fix));
    }
}
