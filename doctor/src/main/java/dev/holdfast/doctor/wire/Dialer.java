package dev.holdfast.doctor.wire;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Opens connections to one address and closes what was left open. It accepts every certificate: judging them is the
 * business of whoever reads {@link TlsFacts}, for a doctor has to look at sick patients too.
 */
public final class Dialer implements AutoCloseable {
    private final InetSocketAddress address;
    private final Transcript transcript;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    public Dialer(InetSocketAddress address, Transcript transcript) {
        this.address = address;
        this.transcript = transcript;
    }

    /** Loads what TLS needs, so that the first handshake's time is the peer's; sends nothing. */
    public static void prepare() {
        try {
            SSLEngine engine = context().createSSLEngine("localhost", 443);
            engine.setUseClientMode(true);
            engine.wrap(
                    ByteBuffer.allocate(0),
                    ByteBuffer.allocate(engine.getSession().getPacketBufferSize()));
        } catch (SSLException e) {
            throw new IllegalStateException("this Java runtime cannot begin a TLS handshake", e);
        }
    }

    public InetSocketAddress address() {
        return address;
    }

    public Transcript transcript() {
        return transcript;
    }

    public Wire open(Offer offer, Deadline deadline) throws WireException {
        int id = transcript.connection(address.getAddress().getHostAddress() + " port " + address.getPort()
                + (offer.tls() ? ", TLS, ALPN " + (offer.alpn().isEmpty() ? "none" : offer.alpn()) : ", plain"));
        Socket socket = connect(deadline);
        if (!offer.tls()) {
            return new Wire(id, socket, Optional.empty(), transcript);
        }
        try {
            return secure(id, socket, offer, deadline);
        } catch (IOException e) {
            closeQuietly(socket);
            throw Failures.of(e, "shaking hands in TLS");
        }
    }

    private Socket connect(Deadline deadline) throws WireException {
        Socket socket = new Socket();
        open.add(socket);
        try {
            if (closed) {
                throw new WireException(WireException.Kind.TIMEOUT, "the time allowed was over");
            }
            socket.setTcpNoDelay(true);
            socket.connect(address, deadline.remainingMillis());
            return socket;
        } catch (IOException e) {
            closeQuietly(socket);
            throw Failures.of(e, "connecting");
        }
    }

    private Wire secure(int id, Socket plain, Offer offer, Deadline deadline) throws IOException {
        long start = System.nanoTime();
        SSLSocket tls = (SSLSocket)
                context().getSocketFactory().createSocket(plain, offer.serverName(), address.getPort(), true);
        open.add(tls);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setServerNames(serverNames(offer.serverName()));
        parameters.setApplicationProtocols(offer.alpn().toArray(String[]::new));
        if (!offer.versions().isEmpty()) {
            parameters.setProtocols(offer.versions().toArray(String[]::new));
        }
        tls.setSSLParameters(parameters);
        tls.setSoTimeout(deadline.remainingMillis());
        tls.startHandshake();
        List<X509Certificate> chain = new ArrayList<>();
        Arrays.stream(tls.getSession().getPeerCertificates())
                .filter(X509Certificate.class::isInstance)
                .forEach(c -> chain.add((X509Certificate) c));
        String alpn = tls.getApplicationProtocol();
        TlsFacts facts = new TlsFacts(
                tls.getSession().getProtocol(),
                tls.getSession().getCipherSuite(),
                alpn == null ? "" : alpn,
                chain,
                java.time.Duration.ofNanos(System.nanoTime() - start));
        return new Wire(id, tls, Optional.of(facts), transcript);
    }

    /** An address has no place in SNI (RFC 6066 §3), nor has a name without a valid form. */
    private static List<SNIServerName> serverNames(String name) {
        if (name.matches("[0-9.]+|.*:.*")) {
            return List.of();
        }
        try {
            return List.of(new SNIHostName(name));
        } catch (IllegalArgumentException notAName) {
            return List.of();
        }
    }

    private static SSLContext context() {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new AcceptAll()}, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime has no TLS", e);
        }
    }

    @Override
    public void close() {
        closed = true;
        // The bare sockets first: closing TLS politely may wait for a peer that no longer reads.
        open.stream().filter(s -> !(s instanceof SSLSocket)).forEach(Dialer::closeQuietly);
        open.forEach(Dialer::closeQuietly);
        open.clear();
    }

    static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException alreadyGone) {
            // There is nothing left to do for a socket that cannot be closed.
        }
    }

    private static final class AcceptAll extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
