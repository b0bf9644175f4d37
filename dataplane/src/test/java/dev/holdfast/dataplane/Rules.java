package dev.holdfast.dataplane;

import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamRules.Drain;
import dev.holdfast.plan.StreamRules.Limits;
import dev.holdfast.plan.StreamRules.OnChange;
import dev.holdfast.plan.StreamRules.Origins;
import dev.holdfast.plan.StreamRules.Ping;
import java.time.Duration;
import java.util.List;

/** Stream rules of a policy {@code d/p}, each test changing what it is about. */
record Rules(
        Limits limits, Origins origins, Ping ping, OnChange onRouteRemoved, OnChange onPolicyChanged, Drain drain) {
    static final Rules PLAIN =
            new Rules(Limits.NONE, Origins.ANY, Ping.NONE, OnChange.DRAIN, OnChange.KEEP, Drain.DEFAULT);

    Rules messages(long bytes) {
        return limits(new Limits(0, 0, 0, bytes, 0, 0, false));
    }

    Rules rate(long messagesPerSecond, long bytesPerSecond, boolean throttle) {
        return limits(new Limits(0, 0, 0, 0, messagesPerSecond, bytesPerSecond, throttle));
    }

    Rules limits(Limits with) {
        return new Rules(with, origins, ping, onRouteRemoved, onPolicyChanged, drain);
    }

    Rules origins(String... allowed) {
        return new Rules(limits, new Origins(true, List.of(allowed)), ping, onRouteRemoved, onPolicyChanged, drain);
    }

    /** With nothing listed. */
    Rules sameOrigin() {
        return origins(new String[0]);
    }

    Rules ping(Duration interval, Duration timeout, boolean client, boolean backend) {
        return new Rules(
                limits, origins, new Ping(interval, timeout, client, backend), onRouteRemoved, onPolicyChanged, drain);
    }

    Rules routeRemoved(OnChange what) {
        return new Rules(limits, origins, ping, what, onPolicyChanged, drain);
    }

    Rules policyChanged(OnChange what) {
        return new Rules(limits, origins, ping, onRouteRemoved, what, drain);
    }

    Rules drain(Duration time, Duration jitter, int code, String text) {
        return new Rules(limits, origins, ping, onRouteRemoved, onPolicyChanged, new Drain(time, jitter, code, text));
    }

    StreamRules done() {
        return done(StreamRules.PerUser.NONE, StreamRules.TokenExpiry.NONE);
    }

    StreamRules done(StreamRules.PerUser perUser, StreamRules.TokenExpiry expiry) {
        return new StreamRules("d/p", limits, perUser, origins, ping, expiry, onRouteRemoved, onPolicyChanged, drain);
    }
}
