package dev.holdfast.dataplane.message;

/** What a request came by. */
public enum HttpProtocol {
    HTTP_1_1("http/1.1", "1.1"),
    HTTP_2("h2", "2"),
    HTTP_3("h3", "3");

    private final String alpn;
    private final String version;

    HttpProtocol(String alpn, String version) {
        this.alpn = alpn;
        this.version = version;
    }

    /** As ALPN names it (RFC 7301 §6), in the log and the console too. */
    public String alpn() {
        return alpn;
    }

    /** {@code 1.1}, {@code 2}, {@code 3}. */
    public String version() {
        return version;
    }
}
