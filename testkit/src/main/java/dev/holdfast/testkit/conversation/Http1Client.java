package dev.holdfast.testkit.conversation;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** One HTTP/1.1 connection to loopback on blocking sockets; what is sent is sent as it stands. */
public final class Http1Client implements AutoCloseable {
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;

    /** A response: header names in lower case, several values joined by a comma. */
    public record Answer(int status, Map<String, String> headers, String body) {}

    private Http1Client(Socket socket) throws IOException {
        this.socket = socket;
        socket.setSoTimeout(20_000);
        this.in = new BufferedInputStream(socket.getInputStream());
        this.out = socket.getOutputStream();
    }

    public static Http1Client plain(int port) throws IOException {
        return new Http1Client(new Socket(InetAddress.getLoopbackAddress(), port));
    }

    /** TLS without verification; {@code alpn} in the client's order, empty for none. */
    public static Http1Client tls(int port, Optional<String> sni, List<String> alpn) throws IOException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {new TrustsAll()}, null);
            SSLSocket socket =
                    (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setServerNames(sni.map(n -> List.of((javax.net.ssl.SNIServerName) new SNIHostName(n)))
                    .orElse(List.of()));
            parameters.setApplicationProtocols(alpn.toArray(String[]::new));
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            return new Http1Client(socket);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no TLS", e);
        }
    }

    /** The protocol that ALPN chose, empty for none. */
    public String alpn() {
        return socket instanceof SSLSocket tls ? tls.getApplicationProtocol() : "";
    }

    public void send(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    /** Reads one response; its body by Content-Length or chunks, none after 1xx, 204 and 304. */
    public Answer answer(boolean head) throws IOException {
        String[] status = line().split(" ", 3);
        if (status.length < 2) {
            throw new IOException("no status line");
        }
        Map<String, String> headers = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.merge(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip(),
                    (a, b) -> a + "," + b);
        }
        int code = Integer.parseInt(status[1]);
        String body = head || code < 200 || code == 204 || code == 304 ? "" : body(headers);
        return new Answer(code, headers, body);
    }

    private String body(Map<String, String> headers) throws IOException {
        if (headers.containsKey("content-length")) {
            return read(Integer.parseInt(headers.get("content-length")));
        }
        if (!headers.getOrDefault("transfer-encoding", "").equals("chunked")) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
        List<String> chunks = new ArrayList<>();
        while (true) {
            int size = Integer.parseInt(line(), 16);
            chunks.add(read(size));
            line();
            if (size == 0) {
                return String.join("", chunks);
            }
        }
    }

    /** Exactly so many octets. */
    public String read(int count) throws IOException {
        return new String(in.readNBytes(count), StandardCharsets.ISO_8859_1);
    }

    private String line() throws IOException {
        StringBuilder text = new StringBuilder();
        for (int octet = in.read(); octet >= 0 && octet != '\n'; octet = in.read()) {
            if (octet != '\r') {
                text.append((char) octet);
            }
        }
        return text.toString();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private static final class TrustsAll implements X509TrustManager {
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
