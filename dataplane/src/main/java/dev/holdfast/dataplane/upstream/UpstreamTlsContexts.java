package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.codec.TlsTerms;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.List;
import javax.net.ssl.SSLException;

/** TLS towards backends: whom to trust, and what to offer. */
final class UpstreamTlsContexts {
    private UpstreamTlsContexts() {}

    static SslContext make(Cluster.UpstreamTls tls, Dialer.Offer offer) throws SSLException {
        SslContextBuilder builder = SslContextBuilder.forClient();
        Cluster.Handshake handshake = tls.handshake();
        if (!handshake.minVersion().isEmpty() || !handshake.maxVersion().isEmpty()) {
            builder.protocols(TlsTerms.versions(handshake.minVersion(), handshake.maxVersion()));
        }
        try {
            trust(tls, builder);
        } catch (GeneralSecurityException | IOException e) {
            throw new SSLException("the authorities for a backend cannot be read", e);
        }
        if (tls.shown().isPresent()) {
            Tls.Certificate shown = tls.shown().get();
            builder.keyManager(bytes(shown.chainPem()), bytes(shown.keyPem().reveal()));
        }
        TlsTerms.alpn(builder, offered(handshake, offer));
        try {
            return TlsTerms.build(builder, handshake.crypto());
        } catch (IllegalArgumentException e) {
            throw new SSLException("a cipher or curve that backends are to be offered is not known", e);
        }
    }

    private static List<String> offered(Cluster.Handshake handshake, Dialer.Offer offer) {
        return switch (offer) {
            case HTTP1 -> handshake.alpnOf("http/1.1");
            case HTTP2 -> handshake.alpn().isEmpty() ? List.of("h2", "http/1.1") : handshake.alpn();
            case NOTHING -> List.of();
        };
    }

    private static void trust(Cluster.UpstreamTls tls, SslContextBuilder builder)
            throws GeneralSecurityException, IOException {
        if (tls.insecureSkipVerify()) {
            builder.trustManager(InsecureTrustManagerFactory.INSTANCE);
            builder.endpointIdentificationAlgorithm(null);
            return;
        }
        if (!tls.names().isEmpty()) {
            // Names of their own take the host name's place, which is for SNI alone then (GEP-1897).
            builder.trustManager(new NamedTrust(tls.caPem(), tls.names()));
            builder.endpointIdentificationAlgorithm(null);
            return;
        }
        if (!tls.caPem().isEmpty()) {
            builder.trustManager(bytes(tls.caPem()));
        }
        builder.endpointIdentificationAlgorithm("HTTPS");
    }

    private static ByteArrayInputStream bytes(String pem) {
        return new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8));
    }
}
