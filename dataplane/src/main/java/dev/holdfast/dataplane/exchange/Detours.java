package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Levels;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where the tries of one request go, under a rule of whose backends some are fallbacks. */
final class Detours {
    private final List<Levels.Way<Route.Destination>> ways;
    /** So many tries in a row leave out their levels; 0 for none. */
    private final int triesPerLevel;

    private final List<Integer> tried = new ArrayList<>(2);
    private boolean[] left = new boolean[2];

    private Detours(List<Levels.Way<Route.Destination>> ways, int triesPerLevel) {
        this.ways = ways;
        this.triesPerLevel = triesPerLevel;
    }

    /** Null where the rule has no fallback, or nothing but fallbacks. */
    static @Nullable Detours of(Snapshot snapshot, List<Route.Destination> all, RouteTraffic traffic) {
        List<Levels.Way<Route.Destination>> ways = Levels.ways(all, snapshot::cluster);
        return ways.isEmpty()
                ? null
                : new Detours(
                        ways,
                        traffic.retry().map(RouteTraffic.Retry::triesPerLevel).orElse(0));
    }

    Levels.Choice<Route.Destination> choose() {
        return choose(ways);
    }

    /** Of another try: what a filter put on the request for one backend goes to no other. */
    Levels.Choice<Route.Destination> again(Route.Destination before) {
        if (triesPerLevel > 0 && tried.size() >= triesPerLevel && tried.size() % triesPerLevel == 0) {
            tried.forEach(level -> left[level] = true);
            if (!Levels.remains(ways, left)) {
                left = new boolean[2];
                tried.clear();
            }
        }
        return choose(ways.stream()
                .filter(w -> w.share().filters().equals(before.filters()))
                .toList());
    }

    private Levels.Choice<Route.Destination> choose(List<Levels.Way<Route.Destination>> among) {
        Levels.Choice<Route.Destination> choice = Levels.pick(among, left);
        tried.add(choice.way().level());
        return choice;
    }
}
