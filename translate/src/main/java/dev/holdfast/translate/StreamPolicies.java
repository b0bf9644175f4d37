package dev.holdfast.translate;

import dev.holdfast.plan.StreamRules;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** What a StreamPolicy makes of a rule's streams. */
final class StreamPolicies {
    static final String PER_LISTENER = "limits.perListener";
    private static final int STREAMS_OF_A_CLUSTER = 100_000;

    private StreamPolicies() {}

    /** Of the layers, the narrowest first, the one with the smallest limit for the listener: a route may have less, not more. */
    static Optional<Field> ofListener(Stream<Field> layers) {
        return layers.map(spec -> spec.at(PER_LISTENER))
                .filter(limit -> limit.number(0) > 0)
                .min(Comparator.comparingLong(limit -> limit.number(0)));
    }

    /**
     * @param policy that holds at the rule
     * @param around that holds at its listener, of which one limit always does: the listener's own
     */
    static StreamRules rules(Optional<Field> policy, Optional<Field> around) {
        if (policy.isEmpty()) {
            return StreamRules.DEFAULT;
        }
        Field spec = policy.get();
        Field limits = spec.get("limits");
        return new StreamRules(
                spec.resource().namespace() + "/" + spec.resource().name(),
                new StreamRules.Limits(
                        (int) ofListener(Stream.concat(policy.stream(), around.stream()))
                                .map(limit -> limit.number(0))
                                .orElse(0L)
                                .longValue(),
                        (int) limits.get("perRoute").number(0),
                        (int) limits.get("perClient").number(0),
                        ClientTraffic.quantity(limits.get("messageBytes"), 0),
                        limits.get("messagesPerSecond").number(0),
                        ClientTraffic.quantity(limits.get("bytesPerSecond"), 0),
                        limits.get("onExceeded").text("Close").equals("Throttle")),
                perUser(limits),
                new StreamRules.Origins(
                        true,
                        spec.get("allowedOrigins").items().stream()
                                .map(o -> o.text("").toLowerCase(Locale.ROOT))
                                .toList()),
                ping(spec.get("ping")),
                tokenExpiry(spec.get("tokenExpiry")),
                change(spec.get("onRouteRemoved"), StreamRules.OnChange.DRAIN),
                change(spec.get("onPolicyChanged"), StreamRules.OnChange.KEEP),
                drain(spec.get("drain")));
    }

    private static StreamRules.PerUser perUser(Field limits) {
        int streams = (int) limits.get("perUser").number(0);
        return streams == 0
                ? StreamRules.PerUser.NONE
                : new StreamRules.PerUser(streams, limits.get("userClaim").text("sub"));
    }

    /** 4401 is what applications use for "not authorized any more", after HTTP's 401. */
    private static StreamRules.TokenExpiry tokenExpiry(Field expiry) {
        return expiry.present()
                ? new StreamRules.TokenExpiry(
                        true,
                        (int) expiry.get("code").number(4401),
                        expiry.get("text").text("token expired"))
                : StreamRules.TokenExpiry.NONE;
    }

    private static StreamRules.Ping ping(Field ping) {
        if (!ping.present()) {
            return StreamRules.Ping.NONE;
        }
        String towards = ping.get("towards").text("Client");
        return new StreamRules.Ping(
                Durations.of(ping.get("interval"), Duration.ofSeconds(30)),
                Durations.of(ping.get("timeout"), Duration.ofSeconds(20)),
                !towards.equals("Backend"),
                !towards.equals("Client"));
    }

    private static StreamRules.OnChange change(Field field, StreamRules.OnChange otherwise) {
        // Anything else has been refused where it was read.
        return Arrays.stream(StreamRules.OnChange.values())
                .filter(c -> c.name().equalsIgnoreCase(field.text("")))
                .findFirst()
                .orElse(otherwise);
    }

    /** Most of the time is jitter; the rest is for those told last to answer. */
    private static StreamRules.Drain drain(Field drain) {
        StreamRules.Drain base = StreamRules.Drain.DEFAULT;
        Duration time = Durations.of(drain.get("time"), base.time());
        Duration jitter = Durations.of(drain.get("jitter"), time.multipliedBy(7).dividedBy(10));
        return new StreamRules.Drain(
                time,
                jitter.compareTo(time) > 0 ? time : jitter,
                (int) drain.get("code").number(base.code()),
                drain.get("text").text(base.text()));
    }

    static int streamsOfCluster(Optional<Field> policy) {
        return policy.map(p -> (int) p.at("limits.perCluster").number(STREAMS_OF_A_CLUSTER))
                .orElse(STREAMS_OF_A_CLUSTER);
    }

    static boolean likeEnvoy(Optional<Field> policy) {
        return policy.map(p -> p.get("compatibility").text("").equals("envoy")).orElse(false);
    }
}
