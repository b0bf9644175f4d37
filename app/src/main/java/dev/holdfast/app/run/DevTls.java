package dev.holdfast.app.run;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Certificates for Secrets that are absent, self-signed, for trying things out. Each is kept under the user's cache
 * folder, readable by the user alone, so that a browser's exception outlives a restart.
 */
final class DevTls {
    private static final Duration LIFE = Duration.ofDays(365);
    private static final Duration RENEW_BEFORE = Duration.ofDays(30);

    private final Map<List<String>, Pair> made = new HashMap<>();

    /** PEM texts; the key never shows in text. */
    private record Pair(String certificate, String key) {
        @Override
        public String toString() {
            return "[redacted]";
        }
    }

    /** The set with a Secret for each that a listener names and nobody gave. */
    ResourceSet complete(ResourceSet set) {
        ResourceSet out = set;
        for (ResourceSet.MissingSecret missing : set.missingCertificateSecrets()) {
            Pair pair = made.computeIfAbsent(names(set, missing), DevTls::keptOrMade);
            out = out.withSecret(missing.namespace(), missing.name(), pair.certificate, pair.key);
        }
        return out;
    }

    /** This machine's names, the listener's, and those of the routes. */
    private static List<String> names(ResourceSet set, ResourceSet.MissingSecret missing) {
        TreeSet<String> names = new TreeSet<>(missing.hostnames());
        for (Resource route : set.kind("HTTPRoute")) {
            for (Field hostname : route.spec().get("hostnames").items()) {
                names.add(hostname.text(""));
            }
        }
        List<String> out = new ArrayList<>(List.of("localhost", "127.0.0.1", "::1"));
        names.stream().filter(n -> !n.isEmpty()).forEach(out::add);
        return List.copyOf(out);
    }

    private static Pair keptOrMade(List<String> names) {
        try {
            Path folder = folder();
            String id = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256")
                            .digest(String.join("\n", names).getBytes(StandardCharsets.UTF_8)))
                    .substring(0, 16);
            Path certificate = folder.resolve(id + ".crt");
            Path key = folder.resolve(id + ".key");
            if (Files.exists(certificate) && Files.exists(key)) {
                Pair kept = new Pair(Files.readString(certificate), Files.readString(key));
                if (lasts(kept.certificate)) {
                    return kept;
                }
            }
            Pair fresh = make(names);
            keep(folder, key, fresh.key);
            keep(folder, certificate, fresh.certificate);
            return fresh;
        } catch (IOException notKept) {
            return make(names);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }

    private static Path folder() {
        String cache = System.getenv("XDG_CACHE_HOME");
        Path base =
                cache == null || cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
        return base.resolve("holdfast").resolve("dev-tls");
    }

    /** Written whole beside and renamed, so that two starts never read half a key. */
    private static void keep(Path folder, Path file, String text) throws IOException {
        Files.createDirectories(folder);
        boolean posix = Files.getFileStore(folder).supportsFileAttributeView("posix");
        Path beside = posix
                ? Files.createTempFile(
                        folder,
                        "new",
                        "",
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
                : Files.createTempFile(folder, "new", "");
        Files.writeString(beside, text);
        Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static boolean lasts(String pem) {
        try {
            X509Certificate certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new java.io.ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
            return certificate.getNotAfter().toInstant().isAfter(Instant.now().plus(RENEW_BEFORE));
        } catch (CertificateException broken) {
            return false;
        }
    }

    private static Pair make(List<String> names) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair pair = generator.generateKeyPair();
            X500Name name = new X500Name("CN=Holdfast development certificate");
            Instant now = Instant.now();
            GeneralName[] alternatives = names.stream()
                    .map(n -> new GeneralName(
                            n.matches("[0-9.]+") || n.contains(":") ? GeneralName.iPAddress : GeneralName.dNSName, n))
                    .toArray(GeneralName[]::new);
            JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                    name,
                    new BigInteger(120, new SecureRandom()),
                    Date.from(now.minus(Duration.ofHours(1))),
                    Date.from(now.plus(LIFE)),
                    name,
                    pair.getPublic());
            builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(alternatives));
            builder.addExtension(
                    Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_serverAuth));
            X509Certificate certificate = new JcaX509CertificateConverter()
                    .getCertificate(
                            builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate())));
            return new Pair(pem(certificate), pem(new JcaPKCS8Generator(pair.getPrivate(), null)));
        } catch (GeneralSecurityException | OperatorCreationException e) {
            throw new IllegalStateException("a certificate could not be made", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String pem(Object value) throws IOException {
        StringWriter text = new StringWriter();
        try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
            writer.writeObject(value);
        }
        return text.toString();
    }
}
