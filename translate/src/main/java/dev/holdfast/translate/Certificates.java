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
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A listener's certificateRefs into certificates; what cannot be used is a problem at the reference. */
record Certificates(ResourceSet set, Grants grants, List<Problem> problems, Map<Pair, Optional<String>> checked) {
    private static final Pattern KEY = Pattern.compile("-----BEGIN ([A-Z]+ )?PRIVATE KEY-----([^-]*)-----END");

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
        if (key.contains("ENCRYPTED")) {
            return Optional.of("tls.key is encrypted; a plain key is needed");
        }
        try {
            Matcher pem = KEY.matcher(key);
            if (!pem.find()) {
                return Optional.of("tls.key cannot be read");
            }
            byte[] der = Base64.getMimeDecoder().decode(pem.group(2));
            PublicKey wanted = certificate.getPublicKey();
            return holds(der, wanted) || matches(Objects.requireNonNullElse(pem.group(1), ""), der, wanted)
                    ? Optional.empty()
                    : Optional.of("tls.key does not match the certificate in tls.crt");
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            return Optional.of("tls.key cannot be read, or is of another kind than the certificate");
        }
    }

    /**
     * Whether the key's own copy of its public half is the certificate's: RSA keys have one (RFC 8017 A.1.2), EC keys
     * nearly always (RFC 5915 §3). A signature to try them with takes a tenth of a second of a cold start.
     */
    private static boolean holds(byte[] der, PublicKey wanted) {
        if (wanted instanceof RSAPublicKey rsa) {
            return at(der, rsa.getModulus().toByteArray()) >= 0;
        }
        if (wanted instanceof ECPublicKey ec) {
            byte[] encoded = ec.getEncoded();
            int point = 1 + 2 * ((ec.getParams().getCurve().getField().getFieldSize() + 7) / 8);
            return encoded.length > point
                    && at(der, Arrays.copyOfRange(encoded, encoded.length - point, encoded.length)) >= 0;
        }
        return false;
    }

    private static int at(byte[] in, byte[] what) {
        for (int i = 0; i + what.length <= in.length; i++) {
            if (Arrays.equals(in, i, i + what.length, what, 0, what.length)) {
                return i;
            }
        }
        return -1;
    }

    /** Of the older forms those for EC need not say; TLS itself finds out then. */
    private static boolean matches(String form, byte[] der, PublicKey wanted) throws GeneralSecurityException {
        if (!form.isEmpty()) {
            return form.equals("EC ") && wanted instanceof ECPublicKey;
        }
        PrivateKey given = KeyFactory.getInstance(wanted.getAlgorithm()).generatePrivate(new PKCS8EncodedKeySpec(der));
        if (wanted instanceof RSAPublicKey) {
            return false;
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
