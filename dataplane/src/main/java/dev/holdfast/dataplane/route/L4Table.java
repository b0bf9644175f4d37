package dev.holdfast.dataplane.route;

import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import org.jspecify.annotations.Nullable;

/** A listener whose connections are relayed, and which route has which of them. */
public record L4Table(L4Listener listener) {
    /** The route for a name in a ClientHello, empty for none: exact, then the longest wildcard, then the one for all. */
    public @Nullable L4Route route(String name) {
        L4Route best = null;
        int bestScore = -1;
        for (L4Route route : listener.routes()) {
            for (String hostname : route.hostnames()) {
                int score = Snapshot.score(hostname.equals("*") ? "" : hostname, name);
                if (score > bestScore) {
                    best = route;
                    bestScore = score;
                }
            }
        }
        return best;
    }
}
