package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.net.ssl.SSLException;

/** TLS towards backends: whom to trust, and what to offer. */
final class UpstreamTlsContexts {
    private UpstreamTlsContexts() {}

    static SslContext make(Cluster.UpstreamTls tls, Dialer.Offer offer) throws SSLException {
        SslContextBuilder builder = SslContextBuilder.forClient()
                .sslProvider(OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK)
                .ciphers(Http2SecurityUtil.CIPHERS, SupportedCipherSuiteFilter.INSTANCE);
        if (tls.insecureSkipVerify()) {
            builder.trustManager(InsecureTrustManagerFactory.INSTANCE);
            builder.endpointIdentificationAlgorithm(null);
        } else {
            if (!tls.caPem().isEmpty()) {
                builder.trustManager(new ByteArrayInputStream(tls.caPem().getBytes(StandardCharsets.UTF_8)));
            }
            builder.endpointIdentificationAlgorithm("HTTPS");
        }
        if (offer != Dialer.Offer.NOTHING) {
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    offer == Dialer.Offer.HTTP2 ? List.of("h2", "http/1.1") : List.of("http/1.1")));
        }
        return builder.build();
    }
}
