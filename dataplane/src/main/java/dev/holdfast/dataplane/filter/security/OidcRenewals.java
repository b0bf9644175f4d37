package dev.holdfast.dataplane.filter.security;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Sessions renewed by their refresh tokens, each token used once: a page's forty requests with one old cookie are one renewal,
 * for a provider that gives a new refresh token each time takes a second use of the old one for theft.
 */
final class OidcRenewals {
    /** How long a renewal answers for later requests that still carry the old cookie. */
    private static final Duration KEPT = Duration.ofSeconds(60);
    /** Renewals that are remembered before the old ones are swept. */
    private static final int MANY = 1_000;

    private final OidcTokens tokens;
    private final Digests digests = new Digests();
    private final Map<String, Renewal> renewals = new ConcurrentHashMap<>();

    private static final class Renewal {
        final long nanos = System.nanoTime();
        final AtomicBoolean begun = new AtomicBoolean();
        final Queue<Consumer<OidcTokens.Outcome>> waiting = new ConcurrentLinkedQueue<>();
        volatile OidcTokens.@Nullable Outcome outcome;

        boolean isOld() {
            return outcome != null && System.nanoTime() - nanos > KEPT.toNanos();
        }

        void tell() {
            OidcTokens.Outcome told = outcome;
            while (told != null) {
                Consumer<OidcTokens.Outcome> next = waiting.poll();
                if (next == null) {
                    return;
                }
                next.accept(told);
            }
        }
    }

    OidcRenewals(OidcTokens tokens) {
        this.tokens = tokens;
    }

    /** {@code then} is told on {@code loop}, later. */
    void renew(EventLoop loop, OidcSession old, Consumer<OidcTokens.Outcome> then) {
        if (renewals.size() > MANY) {
            renewals.values().removeIf(Renewal::isOld);
        }
        String key = digests.of(old.refresh());
        renewals.computeIfPresent(key, (k, r) -> r.isOld() ? null : r);
        Renewal renewal = renewals.computeIfAbsent(key, k -> new Renewal());
        renewal.waiting.add(outcome -> loop.execute(() -> then.accept(outcome)));
        if (renewal.begun.compareAndSet(false, true)) {
            tokens.renew(loop, old, outcome -> {
                renewal.outcome = outcome;
                if (outcome instanceof OidcTokens.Outcome.Unavailable) {
                    renewals.remove(key, renewal);
                }
                renewal.tell();
            });
        } else {
            renewal.tell();
        }
    }
}
