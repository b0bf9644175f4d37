package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.plan.ClientRules;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The header that tells a backend of the client's certificate, in Envoy's form:
 * {@code Hash=<sha256>;Subject="CN=a";URI=spiffe://b;DNS=c}. What a client sends of it by itself is never believed.
 */
final class ForwardedCerts {
    static final String NAME = "x-forwarded-client-cert";

    private ForwardedCerts() {}

    static void apply(ClientRules.ForwardedCert rule, HttpHeaders headers, @Nullable ClientCertificate shown) {
        if (shown == null) {
            if (rule.mode() != ClientRules.ForwardedCert.Mode.ALWAYS_FORWARD_ONLY) {
                headers.remove(NAME);
            }
            return;
        }
        switch (rule.mode()) {
            case SANITIZE -> headers.remove(NAME);
            case FORWARD_ONLY, ALWAYS_FORWARD_ONLY -> {}
            case SANITIZE_SET -> headers.set(NAME, text(rule, shown));
            case APPEND_FORWARD -> {
                String before = String.join(",", headers.getAll(NAME));
                headers.set(NAME, before.isEmpty() ? text(rule, shown) : before + "," + text(rule, shown));
            }
        }
    }

    private static String text(ClientRules.ForwardedCert rule, ClientCertificate shown) {
        StringBuilder out = new StringBuilder("Hash=").append(shown.hash());
        if (rule.details().contains("Cert")) {
            out.append(";Cert=\"").append(encoded(shown.pem())).append('"');
        }
        if (rule.details().contains("Chain")) {
            out.append(";Chain=\"").append(encoded(shown.chainPem())).append('"');
        }
        if (rule.details().contains("Subject")) {
            out.append(";Subject=\"").append(quoted(shown.subject())).append('"');
        }
        if (rule.details().contains("URI")) {
            shown.uris().forEach(uri -> out.append(";URI=").append(plain(uri)));
        }
        if (rule.details().contains("DNS")) {
            shown.dnsNames().forEach(name -> out.append(";DNS=").append(plain(name)));
        }
        return out.toString();
    }

    private static String encoded(String pem) {
        return URLEncoder.encode(pem, StandardCharsets.US_ASCII).replace("+", "%20");
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\');
            }
            out.append(c < ' ' || c >= 127 ? '?' : c);
        }
        return out.toString();
    }

    /** What could end an element or the header is no part of a name. */
    private static String plain(String name) {
        return name.replaceAll("[^!-~]|[,;=\"]", "_");
    }
}
