package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.SecurityFilter;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keys fetched from their issuer: at the first token, again when they are older than the policy says (the old ones serve
 * meanwhile), and when a token names a key that is not among them. One request asks, all loops share the answer.
 */
final class RemoteKeys implements KeySource {
    private static final Logger LOG = LoggerFactory.getLogger(RemoteKeys.class);

    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    /** Octets of a set of keys. */
    private static final int MOST = 1 << 20;
    /** Between two fetches that tokens with unknown keys bring about. */
    private static final Duration PAUSE = Duration.ofSeconds(5);
    /** How long keys serve beyond their time where no newer are to be had; then nothing passes by them. */
    private static final Duration GRACE = Duration.ofHours(1);

    private final SecurityFilter.Keys.Remote remote;
    private final Calls calls;
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean fetching = new AtomicBoolean();
    private volatile @Nullable Fetched last;
    private volatile long triedNanos;
    private volatile boolean failed;

    private record Fetched(KeySet keys, long nanos) {
        boolean olderThan(Duration time) {
            return System.nanoTime() - nanos > time.toNanos();
        }
    }

    RemoteKeys(SecurityFilter.Keys.Remote remote, Calls calls) {
        this.remote = remote;
        this.calls = calls;
        this.triedNanos = System.nanoTime() - PAUSE.toNanos();
    }

    @Override
    public @Nullable KeySet current(EventLoop loop) {
        Fetched known = last;
        if (known == null || known.olderThan(remote.cache().plus(GRACE))) {
            return null;
        }
        if (known.olderThan(remote.cache())) {
            fetch(loop, () -> {});
        }
        return known.keys;
    }

    @Override
    public boolean fetch(EventLoop loop, Runnable then) {
        Duration pause = failed ? remote.retry() : PAUSE;
        boolean soon = System.nanoTime() - triedNanos < pause.toNanos();
        if (soon && !fetching.get()) {
            return false;
        }
        waiting.add(() -> loop.execute(then));
        if (fetching.compareAndSet(false, true)) {
            triedNanos = System.nanoTime();
            ask(loop);
        }
        return true;
    }

    private void ask(EventLoop loop) {
        HttpUri uri = HttpUri.parse(remote.uri()).orElseThrow();
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.ACCEPT, "application/json");
        RequestHead head = new RequestHead("GET", uri.authority(), uri.target(), null, HttpProtocol.HTTP_1_1, headers);
        calls.send(loop, remote.cluster(), head, Unpooled.EMPTY_BUFFER, TIMEOUT, MOST, this::answered);
    }

    private void answered(Calls.Answer answer) {
        String wrong = answer.failure() != null
                ? answer.failure().reason()
                : answer.status() != 200 ? "status " + answer.status() : take(answer.body());
        failed = !wrong.isEmpty();
        if (failed) {
            LOG.atWarn()
                    .addKeyValue("uri", remote.uri())
                    .addKeyValue("reason", wrong)
                    .log("keys for tokens could not be fetched");
        }
        triedNanos = System.nanoTime();
        fetching.set(false);
        for (Runnable then = waiting.poll(); then != null; then = waiting.poll()) {
            then.run();
        }
    }

    private String take(byte[] body) {
        try {
            last = new Fetched(KeySet.parse(new String(body, StandardCharsets.UTF_8), false), System.nanoTime());
            return "";
        } catch (ParseException unreadable) {
            return "not a JWK Set";
        }
    }
}
