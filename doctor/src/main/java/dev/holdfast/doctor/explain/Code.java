package dev.holdfast.doctor.explain;

/** The stable name of each finding; docs/doctor/findings.md has a line for each. */
public enum Code {
    ADDRESS_UNREACHABLE(Level.WARNING, "reach", "one of the name's addresses cannot be reached"),
    PLAIN_HTTP_ON_TLS_PORT(Level.ERROR, "tls", "the port speaks plain HTTP, not TLS"),
    TLS_ON_PLAIN_PORT(Level.ERROR, "page-http1", "the port speaks TLS, not plain HTTP"),
    TLS_FAILED(Level.ERROR, "tls", "the TLS handshake fails"),
    CERTIFICATE_EXPIRED(Level.ERROR, "tls", "the certificate has expired"),
    CERTIFICATE_NOT_YET_VALID(Level.ERROR, "tls", "the certificate is not valid yet"),
    CERTIFICATE_EXPIRES_SOON(Level.WARNING, "tls", "the certificate expires within two weeks"),
    CERTIFICATE_WRONG_NAME(Level.ERROR, "tls", "the certificate is for another name"),
    CERTIFICATE_UNTRUSTED(Level.ERROR, "tls", "nobody whom browsers trust vouches for the certificate"),
    CERTIFICATE_CHAIN_INCOMPLETE(Level.ERROR, "tls", "the server does not send its intermediate certificate"),
    TLS_OUTDATED(Level.WARNING, "tls", "TLS 1.0 or 1.1 is accepted"),
    ALPN_H2_ONLY(Level.ERROR, "tls", "the server refuses HTTP/1.1, which WebSocket clients need"),
    H2_WITHOUT_WEBSOCKET(Level.WARNING, "extended-connect", "the server prefers HTTP/2 and takes no WebSocket over it"),
    H2_WITHHELD(Level.WARNING, "tls", "the server has HTTP/2 but gives browsers HTTP/1.1"),
    USE_CLIENT_PROTOCOL(Level.ERROR, "page-http2", "HTTP/2 is passed on to a backend that speaks HTTP/1.1 only"),
    H2_PAGE_FAILS(Level.ERROR, "page-http2", "a page that works over HTTP/1.1 fails over HTTP/2"),
    EXTENDED_CONNECT_FAILS(Level.ERROR, "extended-connect", "WebSocket over HTTP/2 is announced but does not work"),
    EXTENDED_CONNECT_FIRST_ONLY(
            Level.ERROR, "extended-connect", "only the first WebSocket on an HTTP/2 connection works"),
    NO_ANSWER(Level.ERROR, "page-http1", "the server takes the connection and never answers"),
    PAGE_NO_ANSWER(Level.ERROR, "page-http1", "the WebSocket is answered, the page is not"),
    CONNECTION_CUT(Level.ERROR, "page-http1", "the server cuts the connection instead of answering"),
    NOT_HTTP(Level.ERROR, "page-http1", "what answers is not HTTP"),
    REDIRECT_LOOP(Level.ERROR, "page-http1", "the page redirects in a circle"),
    PAGE_ERROR(Level.ERROR, "page-http1", "the page itself fails"),
    PAGE_SLOW(Level.WARNING, "page-http1", "the page is slow by itself"),
    PAGE_UNFINISHED(Level.WARNING, "page-http1", "the page begins but does not end in time"),
    REQUEST_TIMEOUT(Level.ERROR, "page-http1", "the gateway's request timeout cuts the page"),
    NO_ROUTE(Level.ERROR, "page-http1", "the gateway has no route for this host and path"),
    NO_ENDPOINTS(Level.ERROR, "page-http1", "the gateway has no backend that is ready"),
    GATEWAY_REASON(Level.ERROR, "page-http1", "the gateway answered itself, with a reason"),
    NO_WEBSOCKET_HERE(Level.NOTE, "upgrade", "no WebSocket at this path"),
    UPGRADE_IGNORED(Level.ERROR, "upgrade", "the Upgrade header is lost on the way, or ignored"),
    UPGRADE_NOT_ALLOWED(Level.ERROR, "upgrade", "the gateway does not allow the upgrade on this route"),
    UPGRADE_REDIRECTED(Level.ERROR, "upgrade", "the handshake is redirected, which WebSocket clients do not follow"),
    UPGRADE_UNAUTHORIZED(Level.ERROR, "upgrade", "the handshake needs a login"),
    UPGRADE_FORBIDDEN(Level.ERROR, "upgrade", "the handshake is refused"),
    UPGRADE_NOT_FOUND(Level.ERROR, "upgrade", "there is nothing at the WebSocket's path"),
    UPGRADE_NO_ANSWER(Level.ERROR, "upgrade", "pages are answered, the handshake is not"),
    UPGRADE_BACKEND_FAILS(Level.ERROR, "upgrade", "the gateway gets no usable answer to the handshake"),
    UPGRADE_BACKEND_HTTP2(
            Level.ERROR, "upgrade", "the gateway sends the handshake over HTTP/2 to a backend that cannot take it"),
    UPGRADE_INTERMITTENT(Level.ERROR, "repeat", "the same handshake comes through and fails by turns"),
    UPGRADE_WRONG_ACCEPT(Level.ERROR, "upgrade", "the answer to the handshake is not for this handshake"),
    GARBAGE_AFTER_101(Level.ERROR, "upgrade", "what follows the 101 is not WebSocket"),
    CUT_AT_ONCE(Level.ERROR, "upgrade", "the connection is cut right after the handshake (1006)"),
    CLOSED_1008(Level.ERROR, "upgrade", "closed at once with 1008: a policy of the application"),
    CLOSED_1009(Level.ERROR, "upgrade", "closed at once with 1009: a message is too large for somebody"),
    CLOSED_1011(Level.ERROR, "upgrade", "closed at once with 1011: the application failed"),
    CLOSED_AT_ONCE(Level.WARNING, "upgrade", "closed at once"),
    ORIGIN_REFUSED(Level.ERROR, "origin", "the site's own Origin is refused"),
    ORIGIN_NOT_CHECKED(Level.WARNING, "origin", "any web site may open this WebSocket in its visitors' name"),
    FORWARDED_REFUSED(Level.NOTE, "forwarded", "requests that came through a proxy which is not trusted are refused"),
    FORWARDED_STRICT(Level.NOTE, "forwarded", "X-Forwarded headers must be consistent for this application"),
    HOME_ASSISTANT_TRUSTED_PROXIES(Level.ERROR, "forwarded", "Home Assistant does not trust the proxy"),
    CODE_SERVER_ORIGIN(Level.ERROR, "origin", "code-server sees another host than the browser"),
    N8N_ORIGIN(Level.ERROR, "origin", "n8n sees another host than the browser"),
    GRAFANA_ORIGIN(Level.ERROR, "origin", "Grafana's root_url is not the URL that is used"),
    GRAFANA_CONNECTION_LIMIT(Level.WARNING, "load", "Grafana Live has a limit of connections"),
    EVENTS_BUFFERED(Level.ERROR, "event-stream", "events are held back and come in a heap"),
    EVENTS_COMPRESSED(Level.WARNING, "event-stream", "the event stream is compressed"),
    EVENTS_SILENT(Level.NOTE, "event-stream", "no event came while the stream was watched"),
    EVENTS_CUT(Level.ERROR, "event-stream", "the event stream is cut"),
    EVENTS_SIX(Level.NOTE, "event-stream", "browsers open six event streams to this host and nothing else beside them"),
    IDLE_CUT(Level.WARNING, "idle", "a silent WebSocket is cut"),
    PINGS_DO_NOT_KEEP(Level.ERROR, "idle", "a WebSocket is cut although it pings"),
    STREAM_LIMIT(Level.WARNING, "load", "not all streams are let in"),
    PAGES_SUFFER(Level.WARNING, "load", "pages are slower beside open streams"),
    COALESCING_WRONG(Level.WARNING, "coalescing", "browsers get a wrong answer when they share the connection");

    private final Level level;
    private final String probe;
    private final String title;

    Code(Level level, String probe, String title) {
        this.level = level;
        this.probe = probe;
        this.title = title;
    }

    public Level level() {
        return level;
    }

    /** The probe whose reading shows it. */
    public String probe() {
        return probe;
    }

    public String title() {
        return title;
    }
}
