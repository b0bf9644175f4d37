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
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where an OpenID provider's endpoints are: what the policy says, and for the rest its discovery document (OpenID Connect
 * Discovery 1.0 §4), which is asked for at the first sign-on and once an hour. One request asks, all loops share the answer;
 * the old answer serves meanwhile. Only servers of the plan's clusters are asked.
 */
final class OidcDiscovery {
    private static final Logger LOG = LoggerFactory.getLogger(OidcDiscovery.class);

    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final Duration KEPT = Duration.ofHours(1);
    /** Between a document that was of no use and the next attempt. */
    private static final Duration PAUSE = Duration.ofSeconds(1);
    /** Octets of a document. */
    private static final int MOST = 1 << 20;

    private final SecurityFilter.OidcProvider provider;
    private final Calls calls;
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean fetching = new AtomicBoolean();
    private volatile @Nullable Endpoints known;
    private volatile long nextNanos = System.nanoTime();

    /**
     * Where things are.
     *
     * @param endSession empty for none
     * @param keys verify ID tokens; null where they cannot be had from a cluster of the plan
     * @param basic whether the client's credentials go in a header rather than in the form
     */
    record Endpoints(
            String authorization,
            String token,
            String endSession,
            @Nullable KeySource keys,
            boolean basic) {}

    OidcDiscovery(SecurityFilter.OidcProvider provider, Calls calls) {
        this.provider = provider;
        this.calls = calls;
    }

    /** {@code then} is told on {@code loop}, null where the provider cannot be asked. */
    void endpoints(EventLoop loop, Consumer<@Nullable Endpoints> then) {
        Endpoints at = known;
        boolean due = System.nanoTime() - nextNanos >= 0;
        if (at != null || (!due && !fetching.get())) {
            if (due) {
                fetch(loop);
            }
            then.accept(at);
            return;
        }
        waiting.add(() -> loop.execute(() -> then.accept(known)));
        fetch(loop);
    }

    private void fetch(EventLoop loop) {
        if (!fetching.compareAndSet(false, true)) {
            return;
        }
        String issuer = provider.issuer();
        String base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
        Optional<HttpUri> uri = HttpUri.parse(base + "/.well-known/openid-configuration");
        Optional<String> cluster = uri.flatMap(this::cluster);
        if (uri.isEmpty() || cluster.isEmpty()) {
            answered(null);
            return;
        }
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.ACCEPT, "application/json");
        RequestHead head =
                new RequestHead("GET", uri.get().authority(), uri.get().target(), null, HttpProtocol.HTTP_1_1, headers);
        calls.send(loop, cluster.get(), head, Unpooled.EMPTY_BUFFER, TIMEOUT, MOST, this::answered);
    }

    private void answered(Calls.@Nullable Answer answer) {
        Map<String, Object> document = answer != null && answer.failure() == null && answer.status() == 200
                ? OidcClient.json(answer.body())
                : null;
        boolean own = document != null && provider.issuer().equals(document.get("issuer"));
        Endpoints found = read(own && document != null ? document : Map.of());
        if (!own) {
            LOG.atWarn()
                    .addKeyValue("issuer", provider.issuer())
                    .log("the discovery document of an OpenID provider is no use");
        }
        // What was known before is better than what a provider that cannot be asked leaves.
        if (own || known == null) {
            known = found;
        }
        nextNanos = System.nanoTime() + (own && found != null ? KEPT : PAUSE).toNanos();
        fetching.set(false);
        for (Runnable then = waiting.poll(); then != null; then = waiting.poll()) {
            then.run();
        }
    }

    private @Nullable Endpoints read(Map<String, Object> said) {
        String authorization = or(provider.authorizationEndpoint(), said, "authorization_endpoint");
        String token = or(provider.tokenEndpoint(), said, "token_endpoint");
        if (HttpUri.parse(authorization).isEmpty()
                || HttpUri.parse(token).flatMap(this::cluster).isEmpty()) {
            return null;
        }
        String jwks = OidcSession.text(said, "jwks_uri");
        KeySource keys = HttpUri.parse(jwks)
                .flatMap(this::cluster)
                .map(c -> KeySource.of(
                        new SecurityFilter.Keys.Remote(jwks, c, Duration.ofMinutes(5), Duration.ofSeconds(1)), calls))
                .orElse(null);
        if (keys == null && !token.startsWith("https:")) {
            // Without keys only TLS says whose token it is (OpenID Connect Core 1.0 §3.1.3.7).
            return null;
        }
        boolean basic = said.get("token_endpoint_auth_methods_supported") instanceof List<?> methods
                && !methods.contains("client_secret_post");
        return new Endpoints(
                authorization, token, or(provider.endSessionEndpoint(), said, "end_session_endpoint"), keys, basic);
    }

    private static String or(String given, Map<String, Object> said, String name) {
        return given.isEmpty() ? OidcSession.text(said, name) : given;
    }

    /** The cluster of the plan that serves {@code uri}. */
    Optional<String> cluster(HttpUri uri) {
        return provider.cluster().isEmpty()
                ? Optional.ofNullable(provider.clusters().get(uri.origin()))
                : Optional.of(provider.cluster());
    }
}
