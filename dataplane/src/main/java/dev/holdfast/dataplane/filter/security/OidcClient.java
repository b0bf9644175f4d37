package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.util.JSONObjectUtils;
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
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What the gateway asks of an OpenID provider: tokens for a code, tokens for a refresh token (RFC 6749 §4.1.3, §6).
 */
final class OidcClient {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final int MOST = 1 << 20;

    private final SecurityFilter.Oidc oidc;
    private final Calls calls;
    private final OidcDiscovery discovery;

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
        this.discovery = new OidcDiscovery(oidc.provider(), calls);
    }

    /** {@code then} is told on {@code loop}, null where the provider cannot be asked. */
    void endpoints(EventLoop loop, Consumer<OidcDiscovery.@Nullable Endpoints> then) {
        discovery.endpoints(loop, then);
    }

    /** Asks for tokens by {@code grant}, which is sent with the client's own credentials. */
    void tokens(EventLoop loop, OidcDiscovery.Endpoints at, Map<String, String> grant, Consumer<Tokens> then) {
        HttpUri uri = HttpUri.parse(at.token()).orElseThrow();
        String id = oidc.clientId().reveal();
        String secret = oidc.clientSecret().reveal();
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.ACCEPT, "application/json");
        headers.set(HttpHeaderNames.CONTENT_TYPE, "application/x-www-form-urlencoded");
        String form = form(grant);
        if (at.basic()) {
            String pair = encode(id) + ":" + encode(secret);
            headers.set(
                    HttpHeaderNames.AUTHORIZATION,
                    "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
        } else {
            form += "&" + form(Map.of("client_id", id)) + "&" + form(Map.of("client_secret", secret));
        }
        byte[] body = form.getBytes(StandardCharsets.US_ASCII);
        headers.set(HttpHeaderNames.CONTENT_LENGTH, body.length);
        RequestHead head = new RequestHead("POST", uri.authority(), uri.target(), null, HttpProtocol.HTTP_1_1, headers);
        String cluster = discovery.cluster(uri).orElse("");
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

    static @Nullable Map<String, Object> json(byte[] body) {
        try {
            return JSONObjectUtils.parse(new String(body, StandardCharsets.UTF_8));
        } catch (ParseException unreadable) {
            return null;
        }
    }
}
