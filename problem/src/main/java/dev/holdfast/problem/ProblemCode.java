package dev.holdfast.problem;

/** The stable name of each kind of problem; it alone maps to the Gateway API condition type and reason. */
public enum ProblemCode {
    UNREADABLE("", ""),
    SYNTAX("", ""),
    UNKNOWN_KIND("", ""),
    UNKNOWN_FIELD("Accepted", "Invalid"),
    WRONG_TYPE("Accepted", "Invalid"),
    INVALID_VALUE("Accepted", "Invalid"),
    REQUIRED("Accepted", "Invalid"),
    DUPLICATE("Accepted", "Invalid"),
    TARGET_REQUIRED("Accepted", "Invalid"),
    TARGET_NOT_FOUND("Accepted", "TargetNotFound"),
    CONFLICTED("Accepted", "Conflicted"),
    OVERRIDDEN("Overridden", "Overridden"),
    LISTENER_CONFLICT("Conflicted", "HostnameConflict"),
    PROTOCOL_CONFLICT("Conflicted", "ProtocolConflict"),
    UNSUPPORTED_PROTOCOL("Accepted", "UnsupportedProtocol"),
    INVALID_ROUTE_KINDS("ResolvedRefs", "InvalidRouteKinds"),
    OVERLAPPING_HOSTNAMES("OverlappingTLSConfig", "OverlappingHostnames"),
    OVERLAPPING_CERTIFICATES("OverlappingTLSConfig", "OverlappingCertificates"),
    CERTIFICATE_REF("ResolvedRefs", "InvalidCertificateRef"),
    REF_NOT_PERMITTED("ResolvedRefs", "RefNotPermitted"),
    BACKEND_NOT_FOUND("ResolvedRefs", "BackendNotFound"),
    INVALID_KIND("ResolvedRefs", "InvalidKind"),
    PORT_NOT_FOUND("ResolvedRefs", "PortNotFound"),
    NO_ENDPOINTS("BackendsAvailable", "EndpointsNotFound"),
    NO_PARENT("Accepted", "NoMatchingParent"),
    NOT_ALLOWED("Accepted", "NotAllowedByListeners"),
    NO_HOSTNAME("Accepted", "NoMatchingListenerHostname"),
    NOT_CARRIED_OUT("Warning", "NotCarriedOut"),
    GUARD_NOT_CARRIED_OUT("Accepted", "NotCarriedOut"),
    POLICY_INVALID("Accepted", "Invalid"),
    DEPRECATED("Warning", "DeprecatedField"),
    NOTHING_TO_SERVE("", ""),
    UPGRADE_OFF("", ""),
    ALPN_WITHOUT_HTTP2("", ""),
    STREAM_TIMERS("", ""),
    CLIENT_PROTOCOL("", ""),
    TLS_BACKEND_HTTP2("", ""),
    SHARED_BREAKER("", ""),
    UPGRADE_BUFFERED("", ""),
    UPGRADE_ANSWERED("", ""),
    ORIGIN_UNCHECKED("", ""),
    POLICY_DROPPED("", ""),
    IGNORED_FIELD("", ""),
    CERTIFICATE_EXPIRES("", ""),
    ROUTE_SHADOWED("", ""),
    PORT_IN_USE("Programmed", "Invalid"),
    UPSTREAM_PROTOCOL("", ""),
    ENVOY_REFUSED("Programmed", "Invalid"),
    STREAMS_CUT("", "");

    private final String conditionType;
    private final String conditionReason;

    ProblemCode(String conditionType, String conditionReason) {
        this.conditionType = conditionType;
        this.conditionReason = conditionReason;
    }

    /** The Gateway API condition type, empty where no status is concerned. */
    public String conditionType() {
        return conditionType;
    }

    /** The Gateway API condition reason, empty where no status is concerned. */
    public String conditionReason() {
        return conditionReason;
    }
}
