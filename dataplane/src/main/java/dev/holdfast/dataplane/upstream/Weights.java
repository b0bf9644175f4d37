package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Balance;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Endpoints in turn by what they report of their load: Envoy's client_side_weighted_round_robin, gRFC A58. Those without a
 * weight that counts have the median of the others'. Any loop.
 */
final class Weights {
    /** Weights are shares of this; the greatest has all of it. */
    private static final int WHOLE = 65_535;

    private static final Duration LEAST_UPDATE = Duration.ofMillis(100);

    private final Balance.Utilization rules;
    private final Duration slowStart;
    private final AtomicInteger next = new AtomicInteger();
    private volatile Table table = new Table(List.of(), new int[0], 0);

    Weights(Balance.Utilization rules, ClusterTraffic traffic) {
        this.rules = rules;
        this.slowStart = traffic.slowStart();
    }

    /** Of these endpoints, for some time. */
    private record Table(List<EndpointState> of, int[] shares, long untilNanos) {}

    /**
     * Every round gives each endpoint one chance, which it takes as often as its share says, evenly spread over the rounds (gRPC's
     * static stride scheduler): no lock, and the greatest share is taken in each round.
     */
    EndpointState pick(List<EndpointState> from, long now) {
        Table known = table;
        if (known.of != from || known.untilNanos - now <= 0) {
            known = make(from, now);
            table = known;
        }
        int count = from.size();
        while (true) {
            long turn = Integer.toUnsignedLong(next.getAndIncrement());
            int at = (int) (turn % count);
            long round = turn / count;
            int share = known.shares[at];
            long offset = (long) WHOLE / 2 * at;
            if ((share * round + offset) % WHOLE >= WHOLE - share) {
                return from.get(at);
            }
        }
    }

    private Table make(List<EndpointState> from, long now) {
        double[] weights = new double[from.size()];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = from.get(i).weight(rules.blackout(), rules.expiration(), now);
        }
        double[] known = Arrays.stream(weights).filter(w -> w > 0).sorted().toArray();
        double usual = known.length == 0 ? 1 : known[known.length / 2];
        double most = 0;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (weights[i] > 0 ? weights[i] : usual)
                    * (slowStart.isZero() ? 1 : from.get(i).share(slowStart, now));
            most = Math.max(most, weights[i]);
        }
        int[] shares = new int[weights.length];
        for (int i = 0; i < weights.length; i++) {
            // Never none: its next report is the only way back.
            shares[i] = (int) Math.clamp(Math.round(weights[i] / most * WHOLE), WHOLE / 1000, WHOLE);
        }
        long update = Math.max(rules.update().toNanos(), LEAST_UPDATE.toNanos());
        return new Table(from, shares, now + update);
    }
}
