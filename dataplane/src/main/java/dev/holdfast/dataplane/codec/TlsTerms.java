package dev.holdfast.dataplane.codec;

import dev.holdfast.plan.Tls;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.IdentityCipherSuiteFilter;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslContextOption;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLException;

/** What may be agreed on in a handshake, for either end: versions, ciphers, curves, signatures, ALPN. */
public final class TlsTerms {
    private static final List<String> VERSIONS = List.of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3");
    /** TLS 1.3 has suites of its own, none of which is to be left out (RFC 8446 §9.1). */
    private static final List<String> TLS13_CIPHERS =
            List.of("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256");

    private TlsTerms() {}

    /** A context of {@code builder} that agrees to {@code crypto} alone. */
    public static SslContext build(SslContextBuilder builder, Tls.Crypto crypto) throws SSLException {
        boolean jdk = !crypto.signatures().isEmpty();
        builder.sslProvider(OpenSsl.isAvailable() && !jdk ? SslProvider.OPENSSL : SslProvider.JDK);
        if (crypto.ciphers().isEmpty()) {
            builder.ciphers(Http2SecurityUtil.CIPHERS, SupportedCipherSuiteFilter.INSTANCE);
        } else {
            List<String> all = new ArrayList<>(TLS13_CIPHERS);
            all.addAll(crypto.ciphers());
            builder.ciphers(
                    jdk ? JdkCrypto.suites(all) : all,
                    jdk ? SupportedCipherSuiteFilter.INSTANCE : IdentityCipherSuiteFilter.INSTANCE);
        }
        if (!crypto.curves().isEmpty() && !jdk) {
            builder.option(OpenSslContextOption.GROUPS, crypto.curves().toArray(String[]::new));
        }
        SslContext built = builder.build();
        return jdk ? new JdkCrypto(built, crypto) : built;
    }

    /** Offers, or chooses from, {@code protocols} in this order; none turns ALPN off. */
    public static void alpn(SslContextBuilder builder, List<String> protocols) {
        if (!protocols.isEmpty()) {
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    protocols));
        }
    }

    /** The versions from {@code min} to {@code max}; empty is 1.2 for the one and the newest for the other. */
    public static List<String> versions(String min, String max) {
        int from = Math.max(VERSIONS.indexOf(min), 0);
        int to = VERSIONS.indexOf(max) < 0 ? VERSIONS.size() - 1 : VERSIONS.indexOf(max);
        return VERSIONS.subList(min.isEmpty() ? Math.min(VERSIONS.indexOf("TLSv1.2"), to) : from, to + 1);
    }
}
