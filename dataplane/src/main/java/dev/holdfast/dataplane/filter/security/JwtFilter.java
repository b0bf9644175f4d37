package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.plan.TrafficFilter.Cost.Said;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tokens of one of several providers (RFC 7519, RFC 6750). A provider is satisfied where all tokens at its places are its
 * own and good; one is enough. Headers that tell claims are taken off whatever comes, so that nobody can write them.
 */
final class JwtFilter implements Filter {
    private static final List<Source> USUAL =
            List.of(new Source.Header("authorization", "Bearer "), new Source.Parameter("access_token"));

    private final SecurityFilter.JwtAuth auth;
    private final List<KeySource> keys;

    /** The provider that is tried. */
    private int at;

    /** Whether that one's keys have been asked for on behalf of this request. */
    private boolean asked;

    private boolean found;
    private ProxyFailure worst = ProxyFailure.TOKEN_MISSING;

    private JwtFilter(SecurityFilter.JwtAuth auth, List<KeySource> keys) {
        this.auth = auth;
        this.keys = keys;
    }

    static FilterFactory factory(SecurityFilter.JwtAuth auth, Calls calls) {
        List<KeySource> keys = auth.providers().stream()
                .map(p -> KeySource.of(p.keys(), calls))
                .toList();
        return () -> new JwtFilter(auth, keys);
    }

    static List<Source> sources(SecurityFilter.JwtProvider provider) {
        return provider.sources().isEmpty() ? USUAL : provider.sources();
    }

    @Override
    public Step request(FilterRequest request) {
        auth.providers().stream()
                .flatMap(p -> p.claimHeaders().stream())
                .forEach(c -> request.head().headers().remove(c.header()));
        return decide(request);
    }

    private void again(FilterRequest request) {
        if (decide(request) == Step.CONTINUE) {
            request.resume();
        }
    }

    private Step decide(FilterRequest request) {
        while (at < auth.providers().size()) {
            SecurityFilter.JwtProvider provider = auth.providers().get(at);
            KeySource source = keys.get(at);
            List<String> tokens = sources(provider).stream()
                    .flatMap(s -> Credentials.at(s, request).stream())
                    .toList();
            if (tokens.isEmpty()) {
                next(null);
                continue;
            }
            found = true;
            KeySet known = source.current(request.loop());
            Verified verified = known == null ? Verified.NO_KEYS : verify(provider, tokens, known);
            if (verified.fresh && !asked) {
                asked = true;
                if (source.fetch(request.loop(), () -> again(request))) {
                    return Step.STOP;
                }
            }
            if (verified.token != null) {
                pass(request, provider, verified.token);
                return Step.CONTINUE;
            }
            next(verified.failure);
        }
        if (auth.failOpen() || (!found && auth.optional())) {
            return Step.CONTINUE;
        }
        return refuse(request);
    }

    private void next(@Nullable ProxyFailure failure) {
        at++;
        asked = false;
        if (failure != null && rank(failure) > rank(worst)) {
            worst = failure;
        }
    }

    /** Of several failures the one told is that which the client, or we, can do most about. */
    private static int rank(ProxyFailure failure) {
        return List.of(
                        ProxyFailure.TOKEN_MISSING,
                        ProxyFailure.TOKEN_INVALID,
                        ProxyFailure.TOKEN_EXPIRED,
                        ProxyFailure.KEYS_UNAVAILABLE)
                .indexOf(failure);
    }

    /** The last token of a good lot, or what is wrong; {@code fresh} where newer keys might change that. */
    private record Verified(@Nullable Token token, @Nullable ProxyFailure failure, boolean fresh) {
        static final Verified NO_KEYS = new Verified(null, ProxyFailure.KEYS_UNAVAILABLE, true);
    }

    private static Verified verify(SecurityFilter.JwtProvider provider, List<String> texts, KeySet keys) {
        Token last = null;
        for (String text : texts) {
            Token token = Token.read(text);
            if (token == null) {
                return new Verified(null, ProxyFailure.TOKEN_INVALID, false);
            }
            ProxyFailure wrong = token.problem(provider.issuer(), provider.audiences(), Instant.now());
            if (wrong != null) {
                return new Verified(null, wrong, false);
            }
            KeySet.Verdict verdict = token.verify(keys);
            if (verdict != KeySet.Verdict.GOOD) {
                return new Verified(null, ProxyFailure.TOKEN_INVALID, verdict == KeySet.Verdict.NO_KEY);
            }
            last = token;
        }
        return new Verified(last, null, false);
    }

    private static void pass(FilterRequest request, SecurityFilter.JwtProvider provider, Token token) {
        for (SecurityFilter.ClaimHeader claim : provider.claimHeaders()) {
            String value = token.header(claim.claim());
            if (!value.isEmpty()) {
                request.head().headers().add(claim.header(), value);
            }
        }
        request.identify(token.identity(provider.name()));
        request.tell(Said.BY_TOKENS, Map.of(provider.name(), token.claims().getClaims()));
        if (provider.recomputeRoute()) {
            request.reroute();
        }
    }

    private Step refuse(FilterRequest request) {
        LocalReply reply = LocalReply.of(worst);
        if (worst.status() == 401) {
            boolean none = worst == ProxyFailure.TOKEN_MISSING;
            reply.headers().set(HttpHeaderNames.WWW_AUTHENTICATE, none ? "Bearer" : "Bearer error=\"invalid_token\"");
        }
        request.answer(reply);
        return Step.STOP;
    }
}
