package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Signature algorithms as BoringSSL, and so Envoy, takes them: {@code RSA-PSS+SHA256} or {@code rsa_pss_rsae_sha256}. */
final class SignatureNames {
    /** RFC 8446, 4.2.3. */
    private static final Set<String> KNOWN = Set.of(
            "rsa_pkcs1_sha1",
            "rsa_pkcs1_sha256",
            "rsa_pkcs1_sha384",
            "rsa_pkcs1_sha512",
            "ecdsa_sha1",
            "ecdsa_secp256r1_sha256",
            "ecdsa_secp384r1_sha384",
            "ecdsa_secp521r1_sha512",
            "rsa_pss_rsae_sha256",
            "rsa_pss_rsae_sha384",
            "rsa_pss_rsae_sha512",
            "ed25519");

    private static final Map<String, String> OF_OPENSSL = Map.of(
            "ecdsa+sha1", "ecdsa_sha1",
            "ecdsa+sha256", "ecdsa_secp256r1_sha256",
            "ecdsa+sha384", "ecdsa_secp384r1_sha384",
            "ecdsa+sha512", "ecdsa_secp521r1_sha512");

    private SignatureNames() {}

    /** By their names of RFC 8446, in the manifest's order; what is none is a problem and left out. */
    static List<String> of(Field list, List<Problem> problems) {
        List<String> out = new ArrayList<>();
        for (Field item : list.items()) {
            Optional<String> name = name(item.text("").toLowerCase(Locale.ROOT));
            if (name.isPresent()) {
                out.add(name.get());
            } else {
                problems.add(Problem.at(
                        item.origin(),
                        ProblemCode.INVALID_VALUE,
                        Severity.ERROR,
                        "\"" + item.text("") + "\" is no signature algorithm",
                        "Write ECDSA+SHA256, RSA-PSS+SHA256, RSA+SHA256, Ed25519 or another of these forms."));
            }
        }
        return out;
    }

    private static Optional<String> name(String text) {
        String name = OF_OPENSSL.getOrDefault(
                text, text.replaceFirst("^(?:rsa-)?pss\\+", "rsa_pss_rsae_").replaceFirst("^rsa\\+", "rsa_pkcs1_"));
        return KNOWN.contains(name) ? Optional.of(name) : Optional.empty();
    }
}
