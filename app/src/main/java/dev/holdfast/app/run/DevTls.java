package dev.holdfast.app.run;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Certificates for Secrets that are absent, self-signed, for trying things out. Each is kept under the user's cache
 * folder, readable by the user alone, so that a browser's exception outlives a restart.
 */
public final class DevTls {
    private static final Duration RENEW_BEFORE = Duration.ofDays(30);

    private final Map<List<String>, Pair> made = new HashMap<>();

    /** PEM texts; the key never shows in text. */
    record Pair(String certificate, String key) {
        @Override
        public String toString() {
            return "[redacted]";
        }
    }

    /** Makes and keeps the certificate for these manifests, so that the next start finds it. */
    public static void prepare(ResourceSet set) {
        new DevTls().complete(set);
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
            Pair fresh = CertificateMaker.make(names);
            keep(folder, key, fresh.key);
            keep(folder, certificate, fresh.certificate);
            return fresh;
        } catch (IOException notKept) {
            return CertificateMaker.make(names);
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
}
