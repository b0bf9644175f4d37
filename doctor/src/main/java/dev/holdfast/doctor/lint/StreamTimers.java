package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Durations;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.function.Consumer;

/** Timers that end streams, and when. */
final class StreamTimers implements Lint {
    /** A stream that lives this long is seldom noticed to end. */
    private static final Duration LONG = Duration.ofHours(12);

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("BackendTrafficPolicy").forEach(policy -> {
            Field http = policy.spec().at("timeout.http");
            idle(http.get("streamIdleTimeout"), found);
            ever(http.get("maxStreamDuration"), "every stream of its routes", found);
            ever(http.get("maxConnectionDuration"), "the backend's connection, and the stream on it", found);
            request(http.get("requestTimeout"), found);
        });
        scene.policies("ClientTrafficPolicy").forEach(policy -> {
            idle(policy.spec().at("timeout.http.streamIdleTimeout"), found);
            Field limit = policy.spec().at("connection.connectionLimit");
            ever(limit.get("maxStreamDuration"), "every stream of its listeners", found);
            ever(limit.get("maxConnectionDuration"), "the client's connection, and the streams on it", found);
        });
        for (Resource route : scene.set().kind("HTTPRoute")) {
            route.spec().get("rules").items().forEach(rule -> request(rule.at("timeouts.request"), found));
        }
    }

    private static void idle(Field field, Consumer<Problem> found) {
        tell(
                field,
                "a stream that moves no bytes for " + field.text("") + " is cut",
                "Have the application ping more" + " often, write 0s for no limit, or let StreamPolicy ping.",
                Severity.WARNING,
                found);
    }

    private static void ever(Field field, String what, Consumer<Problem> found) {
        tell(
                field,
                what + " is cut " + field.text("") + " after it began, idle or not",
                "Remove it where streams are to" + " live; StreamPolicy's maxLifetime says goodbye first.",
                Severity.WARNING,
                found);
    }

    private static void request(Field field, Consumer<Problem> found) {
        tell(
                field,
                "server-sent events and gRPC streams are requests too: on Envoy each is cut after " + field.text("")
                        + "; here the time counts until the answer begins, and an established stream goes on",
                "Write 0s for a" + " route of streams, and give its pages a rule of their own.",
                Severity.INFO,
                found);
    }

    private static void tell(Field field, String message, String fix, Severity severity, Consumer<Problem> found) {
        Duration time = Durations.parse(field.text(""));
        if (field.present() && !time.isZero() && time.compareTo(LONG) < 0) {
            found.accept(Problem.at(field.origin(), ProblemCode.STREAM_TIMERS, severity, message, fix));
        }
    }
}
