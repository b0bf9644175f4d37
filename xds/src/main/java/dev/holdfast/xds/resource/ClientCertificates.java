package dev.holdfast.xds.resource;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.plan.Tls;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ForwardClientCertDetails;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.List;

/** What a client's certificate must be, as a secret of its own, so that other authorities replace no filter chain. */
final class ClientCertificates {
    /** SHA-256 in hexadecimal. */
    private static final int HASH = 64;

    private ClientCertificates() {}

    static String name(String listener) {
        return "clients/" + listener;
    }

    static Secret of(String listener, Tls.ClientValidation validation) {
        CertificateValidationContext.Builder out = CertificateValidationContext.newBuilder()
                .setAllowExpiredCertificate(validation.expiredAllowed())
                .setOnlyVerifyLeafCertCrl(validation.crlOfLeafOnly())
                .addAllVerifyCertificateSpki(validation.spkiHashes());
        if (validation.verified()) {
            out.setTrustedCa(DataSource.newBuilder().setInlineString(validation.caPem()));
        } else {
            out.setTrustChainVerification(CertificateValidationContext.TrustChainVerification.ACCEPT_UNTRUSTED);
        }
        if (!validation.crlPem().isEmpty()) {
            out.setCrl(DataSource.newBuilder().setInlineString(validation.crlPem()));
        }
        // Envoy takes no other length. One that is no hash is nobody's, and stands for nobody.
        validation.certificateHashes().stream()
                .map(h -> h.length() == HASH ? h : "0".repeat(HASH))
                .distinct()
                .forEach(out::addVerifyCertificateHash);
        validation.names().forEach(n -> out.addMatchTypedSubjectAltNames(name(n)));
        return Secret.newBuilder()
                .setName(name(listener))
                .setValidationContext(out)
                .build();
    }

    static SubjectAltNameMatcher name(Tls.Name name) {
        SubjectAltNameMatcher.Builder out = SubjectAltNameMatcher.newBuilder()
                .setMatcher(text(name.match()))
                .setOid(name.oid());
        return out.setSanType(
                        switch (name.type()) {
                            case DNS -> SubjectAltNameMatcher.SanType.DNS;
                            case EMAIL -> SubjectAltNameMatcher.SanType.EMAIL;
                            case IP -> SubjectAltNameMatcher.SanType.IP_ADDRESS;
                            case URI -> SubjectAltNameMatcher.SanType.URI;
                            case OTHER -> SubjectAltNameMatcher.SanType.OTHER_NAME;
                        })
                .build();
    }

    static StringMatcher text(TextMatch match) {
        StringMatcher.Builder out = StringMatcher.newBuilder();
        return switch (match.kind()) {
            case EXACT -> Proto.exact(match.value());
            case PREFIX -> out.setPrefix(match.value()).build();
            case SUFFIX -> out.setSuffix(match.value()).build();
            case REGEX -> Proto.matches(match.value());
        };
    }

    /** X-Forwarded-Client-Cert. */
    static void tell(ClientRules.ForwardedCert forwarded, HttpConnectionManager.Builder manager) {
        if (forwarded.equals(ClientRules.ForwardedCert.DEFAULT)) {
            return;
        }
        List<String> details = forwarded.details();
        manager.setForwardClientCertDetails(
                        switch (forwarded.mode()) {
                            case SANITIZE -> ForwardClientCertDetails.SANITIZE;
                            case FORWARD_ONLY -> ForwardClientCertDetails.FORWARD_ONLY;
                            case APPEND_FORWARD -> ForwardClientCertDetails.APPEND_FORWARD;
                            case SANITIZE_SET -> ForwardClientCertDetails.SANITIZE_SET;
                            case ALWAYS_FORWARD_ONLY -> ForwardClientCertDetails.ALWAYS_FORWARD_ONLY;
                        })
                .setSetCurrentClientCertDetails(HttpConnectionManager.SetCurrentClientCertDetails.newBuilder()
                        .setSubject(com.google.protobuf.BoolValue.of(details.contains("Subject")))
                        .setCert(details.contains("Cert"))
                        .setChain(details.contains("Chain"))
                        .setDns(details.contains("DNS"))
                        .setUri(details.contains("URI")));
    }
}
