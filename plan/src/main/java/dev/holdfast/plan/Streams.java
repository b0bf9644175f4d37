package dev.holdfast.plan;

import java.util.List;

/** The established streams of a data plane: a read-only snapshot, and a way to close one. */
public interface Streams {
    List<StreamView> list();

    /** How many are open. */
    int size();

    /** Drains one stream with Close 1001; false where no such stream is open. */
    boolean close(String id);

    /** Drains all of a route ({@code namespace/name}), spread as its drain says; returns how many. */
    int closeRoute(String route);
}
