package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Dialer;
import dev.holdfast.doctor.wire.Transcript;
import dev.holdfast.doctor.wire.WireException;
import dev.holdfast.doctor.wire.WireException.Kind;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/** Name to addresses, and a TCP connection to each of the first six. Runs before there is an {@link Exam}. */
public final class ReachProbe {
    public static final String NAME = "reach";
    private static final int MOST = 6;

    private ReachProbe() {}

    /** One address tried; {@code failure} is empty where it took the connection. */
    public record Attempt(InetSocketAddress address, Duration took, Optional<WireException> failure) {
        public boolean connected() {
            return failure.isEmpty();
        }

        public String ip() {
            return address.getAddress().getHostAddress();
        }

        public String family() {
            return address.getAddress() instanceof Inet6Address ? "IPv6" : "IPv4";
        }
    }

    /** @param name what was resolved, the URL's host or that of {@code --connect} */
    public record Reach(String name, Duration resolving, List<Attempt> attempts) implements Reading {
        public Reach {
            attempts = List.copyOf(attempts);
        }

        @Override
        public String probe() {
            return NAME;
        }

        public Optional<Attempt> best() {
            return attempts.stream().filter(Attempt::connected).findFirst();
        }

        @Override
        public String line() {
            return name + " → "
                    + attempts.stream()
                            .map(a -> a.ip() + " ("
                                    + a.failure().map(WireException::line).orElse(Exam.millis(a.took())) + ")")
                            .collect(Collectors.joining(", "));
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of(
                    "name",
                    name,
                    "resolvingMillis",
                    resolving.toMillis(),
                    "addresses",
                    attempts.stream().map(Reach::fact).toList());
        }

        private static Map<String, Object> fact(Attempt attempt) {
            Map<String, Object> fact = new LinkedHashMap<>();
            fact.put("address", attempt.ip());
            fact.put("port", attempt.address().getPort());
            fact.put("family", attempt.family());
            fact.put("connected", attempt.connected());
            fact.put("millis", attempt.took().toMillis());
            attempt.failure().ifPresent(f -> fact.put("failure", f.line()));
            return fact;
        }
    }

    /** @throws WireException of kind UNRESOLVED where the name has no address; refusals are in the reading */
    public static Reach examine(Target target, Options options, Transcript transcript) throws IOException {
        String name = options.connect().map(Options.HostPort::host).orElse(target.host());
        int port = options.connect().map(Options.HostPort::port).orElse(target.port());
        Deadline deadline = Deadline.in(options.timeout());
        long start = System.nanoTime();
        transcript.resolving(name);
        InetAddress[] addresses = resolve(name, deadline);
        Duration resolving = since(start);
        List<Callable<Attempt>> tasks = Arrays.stream(addresses)
                .limit(MOST)
                .map(a -> (Callable<Attempt>) () -> attempt(new InetSocketAddress(a, port), transcript, deadline))
                .toList();
        return new Reach(name, resolving, Exam.together(tasks));
    }

    private static Attempt attempt(InetSocketAddress address, Transcript transcript, Deadline deadline) {
        long start = System.nanoTime();
        try (Dialer dialer = new Dialer(address, transcript)) {
            dialer.open(new dev.holdfast.doctor.wire.Offer(false, "", List.of(), List.of()), deadline)
                    .close();
            return new Attempt(address, since(start), Optional.empty());
        } catch (WireException e) {
            return new Attempt(address, since(start), Optional.of(e));
        }
    }

    /** The system's resolver may take longer than our patience; then it goes on alone. */
    private static InetAddress[] resolve(String name, Deadline deadline) throws WireException {
        CompletableFuture<InetAddress[]> answer = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try {
                answer.complete(InetAddress.getAllByName(name));
            } catch (UnknownHostException e) {
                answer.completeExceptionally(e);
            }
        });
        try {
            return answer.get(deadline.remainingMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new WireException(Kind.UNRESOLVED, "the name " + name + " has no address");
        } catch (TimeoutException e) {
            throw new WireException(Kind.UNRESOLVED, "resolving " + name + " took longer than the time allowed");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WireException(Kind.UNRESOLVED, "interrupted");
        }
    }

    private static Duration since(long start) {
        return Duration.ofNanos(System.nanoTime() - start);
    }
}
