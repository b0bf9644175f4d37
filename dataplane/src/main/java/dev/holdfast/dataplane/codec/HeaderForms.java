package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Locale;
import java.util.Map;

/** Between the two forms of headers: pseudo-headers apart, cookies joined (RFC 9113 §8.2.3), names lower-case. */
public final class HeaderForms {
    private HeaderForms() {}

    public static HttpHeaders toHttp1(Http2Headers from) {
        HttpHeaders to = new DefaultHttpHeaders();
        StringBuilder cookies = new StringBuilder();
        for (Map.Entry<CharSequence, CharSequence> header : from) {
            CharSequence name = header.getKey();
            if (name.length() > 0 && name.charAt(0) == ':') {
                continue;
            }
            if (name.length() == 6 && "cookie".contentEquals(name)) {
                cookies.append(cookies.isEmpty() ? "" : "; ").append(header.getValue());
            } else {
                to.add(name, header.getValue());
            }
        }
        if (!cookies.isEmpty()) {
            to.set("cookie", cookies.toString());
        }
        return to;
    }

    /** Adds all but what HTTP/2 forbids (RFC 9113 §8.2.2). */
    public static Http2Headers toHttp2(HttpHeaders from) {
        Http2Headers to = new DefaultHttp2Headers(false);
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            switch (name) {
                case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host" -> {}
                default -> to.add(name, header.getValue());
            }
        }
        return to;
    }
}
