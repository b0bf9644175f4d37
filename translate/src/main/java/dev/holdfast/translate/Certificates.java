package dev.holdfast.translate;

import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A listener's certificateRefs into certificates; what cannot be used is a problem at the reference. */
record Certificates(ResourceSet set, Grants grants, List<Problem> problems, Map<Pair, Optional<String>> checked) {
    /** A certificate and its key, of which a translation asks but once whether they belong together. */
    record Pair(String chain, SecretText key) {}

    Certificates(ResourceSet set, Grants grants, List<Problem> problems) {
        this(set, grants, problems, new HashMap<>());
    }

    /** {@code owner} is the Gateway or ListenerSet that the listener is written in. */
    List<Tls.Certificate> of(Resource owner, Field listener) {
        List<Tls.Certificate> out = new ArrayList<>();
        for (Field ref : listener.at("tls.certificateRefs").items()) {
            one(owner, ref).ifPresent(out::add);
        }
        return out;
    }

    /** The pair that a reference of {@code owner} names. */
    Optional<Tls.Certificate> one(Resource owner, Field ref) {
        String namespace = ref.get("namespace").text(owner.ref().namespace());
        String name = ref.get("name").text("");
        String secret = "Secret " + namespace + "/" + name;
        String kind = ref.get("kind").text("Secret");
        String group = ref.get("group").text("");
        if (!kind.equals("Secret") || !group.isEmpty()) {
            return problem(
                    ref,
                    ProblemCode.CERTIFICATE_REF,
                    "a certificate is a Secret, not a " + kind + (group.isEmpty() ? "" : " of " + group),
                    "Name a Secret of type kubernetes.io/tls.");
        }
        if (!grants.permits(
                owner.ref().group(), owner.ref().kind(), owner.ref().namespace(), "", "Secret", namespace, name)) {
            return problem(
                    ref,
                    ProblemCode.REF_NOT_PERMITTED,
                    secret + " lies in another namespace and no ReferenceGrant there permits it",
                    "Add a ReferenceGrant in " + namespace + ", or move the Secret.");
        }
        Optional<Resource> found = set.find("Secret", namespace, name);
        if (found.isEmpty()) {
            return problem(
                    ref,
                    ProblemCode.CERTIFICATE_REF,
                    secret + " does not exist",
                    "Add the Secret (type kubernetes.io/tls), or start with --dev-tls to have one made.");
        }
        String chain = value(found.get(), "tls.crt");
        String key = value(found.get(), "tls.key");
        Optional<String> wrong = checked.computeIfAbsent(new Pair(chain, new SecretText(key)), p -> check(chain, key));
        if (wrong.isPresent()) {
            return problem(ref, ProblemCode.CERTIFICATE_REF, secret + ": " + wrong.get(), "Mend the Secret.");
        }
        return Optional.of(new Tls.Certificate(namespace + "/" + name, chain, new SecretText(key)));
    }

    /** A Secret's or ConfigMap's value as text: from stringData, plain data, or base64 data. */
    static String value(Resource secret, String key) {
        Optional<String> plain = map(secret, "stringData", key);
        if (plain.isPresent()) {
            return plain.get();
        }
        Optional<String> data = map(secret, "data", key);
        if (data.isEmpty() || secret.ref().kind().equals("ConfigMap")) {
            return data.orElse("");
        }
        try {
            return new String(Base64.getMimeDecoder().decode(data.get()), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notBase64) {
            return "";
        }
    }

    private static Optional<String> map(Resource resource, String field, String key) {
        return Optional.ofNullable(resource.get(field).texts().get(key));
    }

    /** What is wrong with a pair, if anything; never quotes the key. */
    static Optional<String> check(String chain, String key) {
        X509Certificate certificate;
        try {
            certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(chain.getBytes(StandardCharsets.UTF_8)));
        } catch (CertificateException e) {
            return Optional.of("tls.crt is not a PEM certificate");
        }
        if (!key.contains("PRIVATE KEY-----")) {
            return Optional.of("tls.key is not a PEM private key");
        }
        if (!key.contains("BEGIN PRIVATE KEY")) {
            return key.contains("ENCRYPTED")
                    ? Optional.of("tls.key is encrypted; a plain key is needed")
                    : Optional.empty();
        }
        try {
            String base64 = key.replaceAll("(?s).*-----BEGIN PRIVATE KEY-----(.*?)-----END.*", "$1");
            byte[] der = Base64.getMimeDecoder().decode(base64);
            PublicKey wanted = certificate.getPublicKey();
            PrivateKey given =
                    KeyFactory.getInstance(wanted.getAlgorithm()).generatePrivate(new PKCS8EncodedKeySpec(der));
            return matches(wanted, given)
                    ? Optional.empty()
                    : Optional.of("tls.key does not match the certificate in tls.crt");
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            return Optional.of("tls.key cannot be read, or is of another kind than the certificate");
        }
    }

    private static boolean matches(PublicKey wanted, PrivateKey given) throws GeneralSecurityException {
        if (wanted instanceof RSAPublicKey rsa && given instanceof RSAPrivateCrtKey crt) {
            BigInteger modulus = crt.getModulus();
            return rsa.getModulus().equals(modulus);
        }
        String algorithm = wanted.getAlgorithm().equals("EC") ? "SHA256withECDSA" : wanted.getAlgorithm();
        byte[] probe = {1, 2, 3};
        Signature signer = Signature.getInstance(algorithm);
        signer.initSign(given);
        signer.update(probe);
        Signature verifier = Signature.getInstance(algorithm);
        verifier.initVerify(wanted);
        verifier.update(probe);
        return verifier.verify(signer.sign());
    }

    private Optional<Tls.Certificate> problem(Field ref, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(ref.origin(), code, Severity.ERROR, message, fix));
        return Optional.empty();
    }
}
