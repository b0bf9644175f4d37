package dev.holdfast.doctor.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Everything that was sent, in order, secrets left out; safe for use from several threads. */
public final class Transcript {
    private static final int LINES = 20_000;

    private final List<String> lines = new ArrayList<>();
    private final Consumer<String> listener;
    private int left;
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger requests = new AtomicInteger();

    private final Secrets secrets;

    public Transcript(Consumer<String> listener) {
        this(listener, Secrets.NONE);
    }

    /** {@code secrets} are left out wherever they stand, in what is sent and in what comes back. */
    public Transcript(Consumer<String> listener, Secrets secrets) {
        this.listener = listener;
        this.secrets = secrets;
    }

    int connection(String what) {
        int id = connections.incrementAndGet();
        add(id, "connect " + what);
        return id;
    }

    /** A question to the system's resolver, which is no connection of ours. */
    public void resolving(String name) {
        add(0, "resolve " + name + " by the system's resolver");
    }

    void request(int connection, List<String> head) {
        requests.incrementAndGet();
        head.forEach(line -> add(connection, "> " + secrets.hide(line)));
    }

    void answer(int connection, List<String> head) {
        head.forEach(line -> add(connection, "< " + secrets.hide(line)));
    }

    void add(int connection, String line) {
        String whole = "[" + connection + "] " + secrets.hide(line);
        synchronized (lines) {
            if (lines.size() < LINES) {
                lines.add(whole);
            } else {
                left++;
            }
        }
        listener.accept(whole);
    }

    /** At most 20,000; a last line says where there were more. */
    public List<String> lines() {
        synchronized (lines) {
            List<String> all = new ArrayList<>(lines);
            if (left > 0) {
                all.add("… and " + left + " lines more");
            }
            return List.copyOf(all);
        }
    }

    public int connections() {
        return connections.get();
    }

    public int requests() {
        return requests.get();
    }
}
