package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.cookie.CookieHeaderNames.SameSite;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import io.netty.handler.codec.http.cookie.ServerCookieEncoder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The cookies of one policy: the session, in as many pieces as browsers need (RFC 6265 §6.1 asks them for 4096 octets a
 * cookie), and one for each sign-on under way, so that two tabs can sign on at once. All are sealed, HttpOnly, and Secure
 * where the page is.
 */
final class OidcJar {
    private static final int PIECE = 3_800;
    private static final int PIECES = 5;
    private static final String SESSION = "session";
    private static final String FLOW = "flow";

    private final SecurityFilter.OidcCookies cookies;
    private final Sealer sealer;
    private final String session;
    private final String flow;
    private final String callback;

    /** @param suffix tells this policy's cookies from others' of the same host */
    OidcJar(SecurityFilter.OidcCookies cookies, Sealer sealer, String suffix, String callback) {
        this.cookies = cookies;
        this.sealer = sealer;
        this.session = cookies.idToken().isEmpty() ? "IdToken-" + suffix : cookies.idToken();
        this.flow = "OauthFlow-" + suffix + "-";
        this.callback = callback;
    }

    @Nullable
    OidcSession session(FilterRequest request) {
        StringBuilder sealed = new StringBuilder();
        for (int i = 0; i < PIECES; i++) {
            List<String> piece = Credentials.at(new Source.Cookie(name(i)), request);
            if (piece.isEmpty()) {
                break;
            }
            sealed.append(piece.getFirst());
            if (piece.getFirst().length() < PIECE) {
                break;
            }
        }
        return sealed.isEmpty() ? null : OidcSession.parse(sealer.open(SESSION, sealed.toString()));
    }

    /** Takes the session out of the request, so that no backend sees it, and what looks like its tokens. */
    void hide(FilterRequest request) {
        for (int i = 0; i < PIECES; i++) {
            Credentials.remove(new Source.Cookie(name(i)), request);
        }
        if (!cookies.accessToken().isEmpty()) {
            Credentials.remove(new Source.Cookie(cookies.accessToken()), request);
        }
    }

    /** Puts tokens in the session's place under the names that the policy gives them, for filters after this and backends. */
    void show(OidcSession session, FilterRequest request) {
        hide(request);
        HttpHeaders headers = request.head().headers();
        List<String> all = new ArrayList<>(headers.getAll(HttpHeaderNames.COOKIE));
        if (!cookies.idToken().isEmpty()) {
            all.add(cookies.idToken() + "=" + session.id());
        }
        if (!cookies.accessToken().isEmpty() && !session.access().isEmpty()) {
            all.add(cookies.accessToken() + "=" + session.access());
        }
        if (!all.isEmpty()) {
            headers.set(HttpHeaderNames.COOKIE, String.join("; ", all));
        }
    }

    private String name(int piece) {
        return piece == 0 ? session : session + "-" + piece;
    }

    /** False where the tokens are too long for cookies. */
    boolean keep(OidcSession kept, Duration life, boolean secure, HttpHeaders to) {
        String sealed = sealer.seal(SESSION, kept.json());
        if (sealed.length() > PIECE * PIECES) {
            return false;
        }
        for (int i = 0; i * PIECE < sealed.length(); i++) {
            String piece = sealed.substring(i * PIECE, Math.min(sealed.length(), (i + 1) * PIECE));
            set(name(i), piece, "/", life, secure, cookies.sameSite(), cookies.domain(), to);
        }
        return true;
    }

    void forget(FilterRequest request, boolean secure, HttpHeaders to) {
        for (int i = 0; i < PIECES; i++) {
            if (!Credentials.at(new Source.Cookie(name(i)), request).isEmpty()) {
                set(name(i), "", "/", Duration.ZERO, secure, cookies.sameSite(), cookies.domain(), to);
            }
        }
    }

    /** Lax, for the provider sends the browser back from another site. */
    void begin(String state, String text, Duration life, boolean secure, HttpHeaders to) {
        set(flow(state), sealer.seal(FLOW, text), callback, life, secure, "Lax", "", to);
    }

    @Nullable
    String begun(String state, FilterRequest request) {
        List<String> sealed = Credentials.at(new Source.Cookie(flow(state)), request);
        return sealed.isEmpty() ? null : sealer.open(FLOW, sealed.getFirst());
    }

    void end(String state, boolean secure, HttpHeaders to) {
        set(flow(state), "", callback, Duration.ZERO, secure, "Lax", "", to);
    }

    private String flow(String state) {
        return flow + (state.matches("[A-Za-z0-9_-]{8,}") ? state.substring(0, 8) : "");
    }

    private static void set(
            String name,
            String value,
            String path,
            Duration life,
            boolean secure,
            String sameSite,
            String domain,
            HttpHeaders to) {
        DefaultCookie cookie = new DefaultCookie(name, value);
        cookie.setPath(path);
        cookie.setHttpOnly(true);
        cookie.setSecure(secure);
        cookie.setMaxAge(life.toSeconds());
        cookie.setSameSite(sameSite.isEmpty() ? SameSite.Lax : SameSite.valueOf(sameSite));
        if (!domain.isEmpty()) {
            cookie.setDomain(domain);
        }
        to.add(HttpHeaderNames.SET_COOKIE, ServerCookieEncoder.STRICT.encode(cookie));
    }
}
