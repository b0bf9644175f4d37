package dev.holdfast.xds.discovery;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpUri;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Locale;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * One GET by HTTP/1.1 at an endpoint of a cluster, whatever the URI's host: a provider may stand at a Service. It blocks its
 * thread, at most until {@link #PATIENCE} is over.
 */
final class Fetch implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Octets of a document, and of a head. */
    private static final int MOST = 1 << 20;

    private final long deadline = System.nanoTime() + PATIENCE.toNanos();
    private final Socket plain = new Socket();
    private int left = 2 * MOST;

    private Fetch() {}

    /** The body of an answer of status 200. */
    static String get(HttpUri uri, Cluster cluster) throws IOException {
        IOException why = new IOException("the cluster " + cluster.name() + " has no address");
        for (Cluster.Endpoint endpoint : cluster.endpoints()) {
            if (!endpoint.isUnix()) {
                try (Fetch fetch = new Fetch()) {
                    return fetch.at(endpoint, uri, cluster);
                } catch (IOException e) {
                    why = e;
                }
            }
        }
        throw why;
    }

    private String at(Cluster.Endpoint endpoint, HttpUri uri, Cluster cluster) throws IOException {
        plain.connect(new InetSocketAddress(endpoint.host(), endpoint.port()), remaining());
        plain.setSoTimeout(remaining());
        Socket socket = cluster.tls().isPresent() ? tls(endpoint, cluster.tls().get()) : plain;
        socket.getOutputStream()
                .write(("GET " + uri.target() + " HTTP/1.1\r\nHost: " + uri.authority()
                                + "\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        InputStream in = new BufferedInputStream(socket.getInputStream());
        String status = line(in);
        if (!status.matches("HTTP/1\\.[01] 200(?: .*)?")) {
            throw new IOException("it answers " + status);
        }
        boolean chunked = false;
        int length = -1;
        for (String header = line(in); !header.isEmpty(); header = line(in)) {
            String lower = header.toLowerCase(Locale.ROOT);
            if (lower.startsWith("transfer-encoding:")) {
                chunked = lower.endsWith("chunked");
            } else if (lower.matches("content-length:\\s*\\d{1,9}\\s*")) {
                length =
                        Integer.parseInt(lower.substring(lower.indexOf(':') + 1).strip());
            }
        }
        byte[] body = chunked ? chunks(in) : octets(in, length);
        return new String(body, StandardCharsets.UTF_8);
    }

    /** RFC 9112 §7.1: {@code 5\r\nhello\r\n0\r\n\r\n}. */
    private byte[] chunks(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (true) {
            String size = line(in).replaceFirst("\\s*;.*", "");
            if (!size.matches("[0-9A-Fa-f]{1,7}")) {
                throw new IOException("a chunk's size is " + size);
            }
            int length = Integer.parseInt(size, 16);
            if (length == 0) {
                return out.toByteArray();
            }
            out.write(octets(in, length));
            line(in);
        }
    }

    /** @param length -1 for all until the connection ends */
    private byte[] octets(InputStream in, int length) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (length < 0 || out.size() < length) {
            int octet = next(in);
            if (octet < 0) {
                if (length >= 0) {
                    throw new EOFException("the document ends after " + out.size() + " octets");
                }
                break;
            }
            out.write(octet);
        }
        return out.toByteArray();
    }

    private String line(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int octet = next(in); octet != '\n'; octet = next(in)) {
            if (octet < 0) {
                throw new EOFException("the answer ends within its head");
            }
            out.write(octet);
        }
        return out.toString(StandardCharsets.ISO_8859_1).stripTrailing();
    }

    private int next(InputStream in) throws IOException {
        if (--left < 0) {
            throw new IOException("the document is longer than " + MOST + " octets");
        }
        // A buffer has the rest at once; each time it is empty the time that is left counts.
        if (in.available() == 0) {
            plain.setSoTimeout(remaining());
        }
        return in.read();
    }

    private int remaining() throws SocketTimeoutException {
        long millis = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
        if (millis <= 0) {
            throw new SocketTimeoutException("no whole answer within " + PATIENCE.toSeconds() + " s");
        }
        return (int) millis;
    }

    // ---- TLS

    private Socket tls(Cluster.Endpoint endpoint, Cluster.UpstreamTls tls) throws IOException {
        try {
            String host = tls.sni().isEmpty() ? endpoint.host() : tls.sni();
            SSLSocketFactory factory = context(tls).getSocketFactory();
            SSLSocket out = (SSLSocket) factory.createSocket(plain, host, endpoint.port(), true);
            SSLParameters parameters = out.getSSLParameters();
            if (!tls.insecureSkipVerify()) {
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
            }
            out.setSSLParameters(parameters);
            out.startHandshake();
            return out;
        } catch (GeneralSecurityException unusable) {
            throw new IOException(unusable);
        }
    }

    private static SSLContext context(Cluster.UpstreamTls tls) throws GeneralSecurityException, IOException {
        SSLContext out = SSLContext.getInstance("TLS");
        out.init(null, tls.insecureSkipVerify() ? new TrustManager[] {new Anybody()} : authorities(tls.caPem()), null);
        return out;
    }

    /** Null for the system's. */
    private static TrustManager @Nullable [] authorities(String pem) throws GeneralSecurityException, IOException {
        if (pem.isEmpty()) {
            return null;
        }
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        int number = 0;
        for (Certificate authority : CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)))) {
            trusted.setCertificateEntry(Integer.toString(number++), authority);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trusted);
        return factory.getTrustManagers();
    }

    /** For {@code insecureSkipVerify}, which the policy asks for in so many words. */
    private static final class Anybody extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    @Override
    public void close() throws IOException {
        plain.close();
    }
}
