package dev.holdfast.plan;

import java.util.List;

/** The established streams of a data plane: a read-only snapshot, and a way to close one. */
public interface Streams {
    List<StreamView> list();

    /** Drains one stream with Close 1001; false where no such stream is open. */
    boolean close(String id);
}
