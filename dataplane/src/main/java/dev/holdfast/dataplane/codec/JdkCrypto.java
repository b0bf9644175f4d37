package dev.holdfast.dataplane.codec;

import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.DelegatingSslContext;
import io.netty.handler.ssl.SslContext;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/**
 * A context of the JDK's TLS that signs, and lets clients sign, with chosen algorithms alone: netty-tcnative has no call for
 * that. Names are given as for OpenSSL; what the JDK does not have of ciphers and curves is left out.
 */
final class JdkCrypto extends DelegatingSslContext {
    private static final Pattern SUITE = Pattern.compile("(?:(ECDHE)-(ECDSA|RSA)-)?(AES(?:128|256)|CHACHA20)-(.*)");
    private static final Map<String, String> GROUPS = Map.of(
            "X25519", "x25519",
            "X448", "x448",
            "P-256", "secp256r1",
            "P-384", "secp384r1",
            "P-521", "secp521r1");

    private final Tls.Crypto crypto;

    JdkCrypto(SslContext context, Tls.Crypto crypto) {
        super(context);
        this.crypto = crypto;
    }

    @Override
    protected void initEngine(SSLEngine engine) {
        SSLParameters parameters = engine.getSSLParameters();
        parameters.setSignatureSchemes(crypto.signatures().toArray(String[]::new));
        parameters.setUseCipherSuitesOrder(true);
        if (!crypto.curves().isEmpty()) {
            parameters.setNamedGroups(
                    crypto.curves().stream().map(c -> GROUPS.getOrDefault(c, c)).toArray(String[]::new));
        }
        engine.setSSLParameters(parameters);
    }

    /** {@code ECDHE-RSA-AES128-GCM-SHA256} as {@code TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}. */
    static List<String> suites(List<String> names) {
        return names.stream().map(JdkCrypto::suite).toList();
    }

    private static String suite(String name) {
        Matcher parts = SUITE.matcher(name);
        if (!parts.matches()) {
            return name;
        }
        String exchange = parts.group(1) == null ? "RSA" : "ECDHE_" + parts.group(2);
        String rest = parts.group(4).replace('-', '_');
        return "TLS_" + exchange + "_WITH_"
                + switch (parts.group(3)) {
                    case "AES128" -> "AES_128_" + (rest.startsWith("GCM") ? rest : "CBC_" + rest);
                    case "AES256" -> "AES_256_" + (rest.startsWith("GCM") ? rest : "CBC_" + rest);
                    default -> "CHACHA20_" + rest + "_SHA256";
                };
    }
}
