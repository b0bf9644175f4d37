package dev.holdfast.console;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A console with as many streams as its argument says, a third of which move each second, for a browser to look at:
 * more than one machine's file limit lets a test open for real. Prints its port; ends with its standard input.
 */
final class ManyStreams implements Streams {
    private static final String[] KINDS = {"websocket", "sse", "grpc"};
    private final int count;
    private final long start = System.currentTimeMillis();
    private final Set<String> gone = ConcurrentHashMap.newKeySet();

    private ManyStreams(int count) {
        this.count = count;
    }

    public static void main(String[] arguments) throws IOException {
        ManyStreams streams = new ManyStreams(Integer.parseInt(arguments[0]));
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (AdminServer server = new AdminServer(
                address,
                new AdminViews(
                        () -> Plan.EMPTY,
                        streams,
                        () -> "",
                        List::of,
                        () -> true,
                        List::of,
                        List::of,
                        () -> new Figures(streams.size(), 0, 0, 0, List.of())),
                Access.onThisMachine(address, "a-token-for-tests-only"))) {
            server.start();
            System.out.println(server.port());
            while (System.in.read() >= 0) {
                // Until whoever started this has gone.
            }
        }
    }

    @Override
    public List<StreamView> list() {
        long now = System.currentTimeMillis();
        long steps = (now - start) / 1000;
        List<StreamView> out = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            if (gone.contains(id(i))) {
                continue;
            }
            // The same row every time but for what moves.
            Random random = new Random(i);
            long moved = (steps + i) / 3;
            out.add(new StreamView(
                    id(i),
                    KINDS[i % 3],
                    "10.0." + i / 250 + "." + i % 250 + ":" + (20_000 + random.nextInt(30_000)),
                    "app-" + i % 40 + ".example.test",
                    "/socket/" + i,
                    "shop/gateway/https",
                    "shop/route-" + i % 40,
                    "shop/route-" + i % 40 + "/0/0",
                    "10.1.0." + i % 200 + ":8080",
                    i % 2 == 0 ? "h2" : "http/1.1",
                    "http/1.1",
                    start - random.nextInt(10_000_000),
                    start + (steps - (steps + i) % 3) * 1000,
                    moved * (1 + random.nextInt(500)),
                    moved * (1 + random.nextInt(5000)),
                    moved,
                    2 * moved,
                    random.nextInt(200_000),
                    false,
                    i % 4 == 0 ? "" : "idle",
                    i % 4 == 0 ? 0 : start + 3_600_000 + moved * 3000));
        }
        return out;
    }

    private static String id(int i) {
        return Integer.toString(i, 36);
    }

    @Override
    public int size() {
        return count - gone.size();
    }

    @Override
    public boolean close(String id) {
        return gone.add(id);
    }

    @Override
    public int closeRoute(String route) {
        int before = gone.size();
        for (StreamView stream : list()) {
            if (stream.route().equals(route)) {
                gone.add(stream.id());
            }
        }
        return gone.size() - before;
    }
}
