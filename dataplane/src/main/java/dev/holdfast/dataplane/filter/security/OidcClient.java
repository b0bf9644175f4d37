package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.util.JSONObjectUtils;
import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.SecurityFilter;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the gateway asks of an OpenID provider: its discovery document once an hour (OpenID Connect Discovery 1.0 §4), tokens
 * for a code, tokens for a refresh token (RFC 6749 §4.1.3, §6). Only servers of the plan's clusters are asked.
 */
final class OidcClient {
    private static final Logger LOG = LoggerFactory.getLogger(OidcClient.class);

    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final Duration KEPT = Duration.ofHours(1);
    private static final int MOST = 1 << 20;

    private final SecurityFilter.Oidc oidc;
    private final Calls calls;
    private volatile @Nullable Endpoints known;

    /**
     * Where things are.
     *
     * @param keys verify ID tokens; null where they cannot be had from a cluster of the plan
     */
    record Endpoints(
            String authorization,
            String token,
            String endSession,
            @Nullable KeySource keys,
            boolean basic,
            long nanos) {
        boolean isOld() {
            return System.nanoTime() - nanos > KEPT.toNanos();
        }
    }

    /** Tokens, or why there are none. */
    sealed interface Tokens {
        record Given(Map<String, Object> fields) implements Tokens {}

        /** The provider says no: the code or the refresh token is not good. */
        record Refused() implements Tokens {}

        record Unavailable() implements Tokens {}
    }

    OidcClient(SecurityFilter.Oidc oidc, Calls calls) {
        this.oidc = oidc;
        this.calls = calls;
    }

    /** {@code then} is told on {@code loop}, null where the provider cannot be asked. */
    void endpoints(EventLoop loop, Consumer<@Nullable Endpoints> then) {
        Endpoints at = known;
        if (at != null && !at.isOld()) {
            then.accept(at);
            return;
        }
        String issuer = oidc.provider().issuer();
        String base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
        Optional<HttpUri> uri = HttpUri.parse(base + "/.well-known/openid-configuration");
        Optional<String> cluster = uri.flatMap(this::cluster);
        if (cluster.isEmpty()) {
            then.accept(at);
            return;
        }
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.ACCEPT, "application/json");
        RequestHead head =
                new RequestHead("GET", uri.get().authority(), uri.get().target(), null, false, headers);
        calls.send(loop, cluster.get(), head, Unpooled.EMPTY_BUFFER, TIMEOUT, MOST, answer -> {
            Endpoints found = read(answer);
            if (found == null) {
                LOG.atWarn()
                        .addKeyValue("issuer", issuer)
                        .log("the discovery document of an OpenID provider is no use");
            } else {
                known = found;
            }
            // What was known before is better than nothing.
            then.accept(found == null ? at : found);
        });
    }

    private @Nullable Endpoints read(Calls.Answer answer) {
        SecurityFilter.OidcProvider provider = oidc.provider();
        Map<String, Object> document = answer.failure() == null && answer.status() == 200 ? json(answer.body()) : null;
        boolean own = document != null && provider.issuer().equals(document.get("issuer"));
        Map<String, Object> said = own && document != null ? document : Map.of();
        String authorization = or(provider.authorizationEndpoint(), said, "authorization_endpoint");
        String token = or(provider.tokenEndpoint(), said, "token_endpoint");
        if (authorization.isEmpty()
                || token.isEmpty()
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
                authorization,
                token,
                or(provider.endSessionEndpoint(), said, "end_session_endpoint"),
                keys,
                basic,
                System.nanoTime());
    }

    private static String or(String given, Map<String, Object> said, String name) {
        return given.isEmpty() ? OidcSession.text(said, name) : given;
    }

    private Optional<String> cluster(HttpUri uri) {
        String named = oidc.provider().cluster();
        return named.isEmpty() ? Optional.ofNullable(oidc.provider().clusters().get(uri.origin())) : Optional.of(named);
    }

    /** Asks for tokens by {@code grant}, which is sent with the client's own credentials. */
    void tokens(EventLoop loop, Endpoints at, Map<String, String> grant, Consumer<Tokens> then) {
        HttpUri uri = HttpUri.parse(at.token).orElseThrow();
        String id = oidc.clientId().reveal();
        String secret = oidc.clientSecret().reveal();
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.ACCEPT, "application/json");
        headers.set(HttpHeaderNames.CONTENT_TYPE, "application/x-www-form-urlencoded");
        String form = form(grant);
        if (at.basic) {
            String pair = encode(id) + ":" + encode(secret);
            headers.set(
                    HttpHeaderNames.AUTHORIZATION,
                    "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
        } else {
            form += "&" + form(Map.of("client_id", id)) + "&" + form(Map.of("client_secret", secret));
        }
        byte[] body = form.getBytes(StandardCharsets.US_ASCII);
        headers.set(HttpHeaderNames.CONTENT_LENGTH, body.length);
        RequestHead head = new RequestHead("POST", uri.authority(), uri.target(), null, false, headers);
        String cluster = cluster(uri).orElse("");
        calls.send(loop, cluster, head, Unpooled.wrappedBuffer(body), TIMEOUT, MOST, a -> then.accept(tokens(a)));
    }

    private static Tokens tokens(Calls.Answer answer) {
        if (answer.failure() != null || answer.status() >= 500 || answer.status() == 429) {
            return new Tokens.Unavailable();
        }
        Map<String, Object> fields = answer.status() == 200 ? json(answer.body()) : null;
        return fields == null ? new Tokens.Refused() : new Tokens.Given(fields);
    }

    static String form(Map<String, String> fields) {
        return fields.entrySet().stream()
                .map(f -> encode(f.getKey()) + "=" + encode(f.getValue()))
                .collect(Collectors.joining("&"));
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static @Nullable Map<String, Object> json(byte[] body) {
        try {
            return JSONObjectUtils.parse(new String(body, StandardCharsets.UTF_8));
        } catch (ParseException unreadable) {
            return null;
        }
    }
}
