package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Levels;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where the tries of one request go, under a rule of whose backends some are fallbacks. */
final class Detours {
    private final List<Way> ways;
    /** So many tries in a row leave out their levels; 0 for none. */
    private final int triesPerLevel;

    private final List<Integer> tried = new ArrayList<>(2);
    private boolean[] left = new boolean[2];

    /** One of the rule's destinations. */
    record Way(Route.Destination destination, ClusterState cluster) implements Levels.Member {
        @Override
        public int weight() {
            return destination.weight();
        }

        @Override
        public boolean fallback() {
            return destination.fallback();
        }
    }

    private Detours(List<Way> ways, int triesPerLevel) {
        this.ways = ways;
        this.triesPerLevel = triesPerLevel;
    }

    /** Null where the rule has no fallback, or nothing but fallbacks. */
    static @Nullable Detours of(Snapshot snapshot, List<Route.Destination> all, RouteTraffic traffic) {
        if (!hasLevels(all)) {
            return null;
        }
        List<Way> ways = new ArrayList<>(all.size());
        for (Route.Destination destination : all) {
            ClusterState to = snapshot.cluster(destination.cluster());
            if (to != null && destination.failure() == 0 && destination.weight() > 0) {
                ways.add(new Way(destination, to));
            }
        }
        return ways.isEmpty()
                ? null
                : new Detours(
                        ways,
                        traffic.retry().map(RouteTraffic.Retry::triesPerLevel).orElse(0));
    }

    private static boolean hasLevels(List<Route.Destination> all) {
        boolean first = false;
        boolean fallback = false;
        for (Route.Destination destination : all) {
            first |= !destination.fallback();
            fallback |= destination.fallback();
        }
        return first && fallback;
    }

    /** Those of {@code all} whose weights say what fails of its own: never a fallback beside others. */
    static List<Route.Destination> first(List<Route.Destination> all) {
        return hasLevels(all) ? all.stream().filter(d -> !d.fallback()).toList() : all;
    }

    Levels.Choice<Way> choose() {
        return choose(ways);
    }

    /** Of another try: what a filter put on the request for one backend goes to no other. */
    Levels.Choice<Way> again(Route.Destination before) {
        if (triesPerLevel > 0 && tried.size() >= triesPerLevel && tried.size() % triesPerLevel == 0) {
            tried.forEach(level -> left[level] = true);
            if (!Levels.remains(ways, left)) {
                left = new boolean[2];
                tried.clear();
            }
        }
        return choose(ways.stream()
                .filter(w -> w.destination.filters().equals(before.filters()))
                .toList());
    }

    private Levels.Choice<Way> choose(List<Way> among) {
        Levels.Choice<Way> choice = Levels.pick(among, left);
        tried.add(choice.member().level());
        return choice;
    }
}
