package dev.holdfast.dataplane.message;

/** The closed list of reasons for an answer of the gateway's own: status, metric label and access log flag. */
public enum ProxyFailure {
    NO_ROUTE(404, "no_route"),
    MISDIRECTED(421, "misdirected"),
    BAD_REQUEST(400, "bad_request"),
    HEADERS_TOO_LARGE(431, "headers_too_large"),
    UPGRADE_NOT_ALLOWED(403, "upgrade_not_allowed"),
    UPGRADE_MALFORMED(400, "upgrade_malformed"),
    UPGRADE_VERSION(426, "upgrade_version"),
    ORIGIN_NOT_ALLOWED(403, "origin_not_allowed"),
    CLIENT_ADDRESS_UNKNOWN(403, "client_address_unknown"),
    UPGRADE_REFUSED(502, "upgrade_refused"),
    NO_ENDPOINTS(503, "no_endpoints"),
    OVERLOADED(503, "overloaded"),
    STREAM_LIMIT(503, "stream_limit"),
    CLIENT_STREAM_LIMIT(429, "client_stream_limit"),
    DNS_FAILED(503, "dns_failed"),
    CONNECT_REFUSED(503, "connect_refused"),
    /** No connection could be tried or made: no route, no local port, no file left. */
    CONNECT_FAILED(503, "connect_failed"),
    CONNECT_TIMEOUT(504, "connect_timeout"),
    UPSTREAM_RESET(502, "upstream_reset"),
    UPSTREAM_REFUSED(503, "upstream_refused"),
    UPSTREAM_PROTOCOL(502, "upstream_protocol"),
    UPSTREAM_TLS(502, "upstream_tls"),
    REQUEST_TIMEOUT(504, "request_timeout"),
    BACKEND_TIMEOUT(504, "backend_timeout"),
    REQUEST_RECEIVE_TIMEOUT(408, "request_receive_timeout"),
    INVALID_BACKEND(500, "invalid_backend"),
    RATE_LIMITED(429, "rate_limited"),
    REQUEST_TOO_LARGE(413, "request_too_large"),
    NOT_ADMITTED(503, "not_admitted"),
    CORS_ORIGIN(403, "cors_origin_not_allowed"),
    CROSS_SITE(403, "cross_site_request"),
    CREDENTIALS_MISSING(401, "credentials_missing"),
    CREDENTIALS_WRONG(401, "credentials_wrong"),
    TOKEN_MISSING(401, "token_missing"),
    TOKEN_INVALID(401, "token_invalid"),
    TOKEN_EXPIRED(401, "token_expired"),
    KEYS_UNAVAILABLE(503, "keys_unavailable"),
    /** The status is the server's. */
    EXT_AUTH_DENIED(403, "ext_auth_denied"),
    /** The status is the one that the policy asks for. */
    EXT_AUTH_FAILED(403, "ext_auth_failed"),
    LOGIN_REQUIRED(401, "login_required"),
    LOGIN_FAILED(401, "login_failed"),
    LOGIN_UNAVAILABLE(503, "login_unavailable"),
    NOT_AUTHORIZED(403, "not_authorized"),
    PLACE_UNKNOWN(503, "place_unknown"),
    /** The status is the one that the policy asks for. */
    FAULT(503, "fault_injected"),
    SHUTTING_DOWN(503, "shutting_down");

    private final int status;
    private final String reason;

    ProxyFailure(int status, String reason) {
        this.status = status;
        this.reason = reason;
    }

    public int status() {
        return status;
    }

    /** Sent as {@code x-holdfast-reason}. */
    public String reason() {
        return reason;
    }
}
