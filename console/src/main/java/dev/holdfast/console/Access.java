package dev.holdfast.console;

import com.sun.net.httpserver.HttpExchange;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;

/**
 * Who may do what (docs/adr/0007-admin-address.md). Host and Origin are checked always, the token for every write, and
 * for reads too where the address is not this machine's own or the operator gave a token file. Nothing here rests on
 * cookies, so a foreign page has nothing to ride on.
 */
public final class Access {
    private static final String BEARER = "Bearer ";
    /** A page elsewhere cannot send it without asking first (Fetch standard, CORS-preflight), and is never allowed to. */
    static final String CONSOLE_HEADER = "X-Holdfast-Console";

    private final HostRule hosts;
    private final byte[] token;
    private final boolean always;

    /** What a request asks for. */
    enum Need {
        /** Health, and the page's own files. */
        NOTHING,
        READ,
        WRITE
    }

    private Access(InetSocketAddress address, String token, boolean always) {
        this.hosts = new HostRule(address.getHostString());
        this.token = token.getBytes(StandardCharsets.UTF_8);
        this.always = always;
    }

    /** Reads without a token; the page on this machine is given it for writes. */
    public static Access onThisMachine(InetSocketAddress address, String token) {
        return new Access(address, token, false);
    }

    /** Nothing but health without the token. */
    public static Access byToken(InetSocketAddress address, String token) {
        return new Access(address, token, true);
    }

    boolean tokenAlways() {
        return always;
    }

    /** The answer that turns the request away, empty where it may pass. */
    Optional<Answer> refusal(HttpExchange exchange, Need need) {
        var headers = exchange.getRequestHeaders();
        if (!hosts.allows(headers.getFirst("Host"), headers.getFirst("Origin"), exchange.getLocalAddress())) {
            return Optional.of(Answer.text(
                    403, "This address answers only to its own name; the Host or Origin is another one.\n"));
        }
        boolean guarded = need == Need.WRITE || (need == Need.READ && always);
        if (need != Need.NOTHING && foreign(exchange)) {
            return Optional.of(Answer.text(403, "A page from elsewhere asked for this.\n"));
        }
        if (guarded && !authorized(exchange)) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Bearer realm=\"holdfast\"");
            return Optional.of(Answer.text(
                    401,
                    "This needs the admin token: Authorization: Bearer TOKEN. It was said at the start or is in the"
                            + " token file.\n"));
        }
        return Optional.empty();
    }

    /** The token for the page of this very address on this machine; empty for anyone else. */
    Optional<String> forThePage(HttpExchange exchange) {
        return always || !exchange.getRequestHeaders().containsKey(CONSOLE_HEADER) || foreign(exchange)
                ? Optional.empty()
                : Optional.of(new String(token, StandardCharsets.UTF_8));
    }

    /** Browsers say where a request comes from (W3C Fetch Metadata); other clients say nothing. */
    private static boolean foreign(HttpExchange exchange) {
        String site = exchange.getRequestHeaders().getFirst("Sec-Fetch-Site");
        return site != null && !site.equals("same-origin") && !site.equals("none");
    }

    private boolean authorized(HttpExchange exchange) {
        String given = exchange.getRequestHeaders().getFirst("Authorization");
        return given != null
                && given.regionMatches(true, 0, BEARER, 0, BEARER.length())
                && MessageDigest.isEqual(
                        given.substring(BEARER.length()).strip().getBytes(StandardCharsets.UTF_8), token);
    }
}
