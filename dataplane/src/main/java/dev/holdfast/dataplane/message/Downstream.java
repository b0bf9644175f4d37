package dev.holdfast.dataplane.message;

import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** The client's end of one exchange. Calls come on {@link #loop()}; buffers are owned by the callee. */
public interface Downstream extends ByteEnd {
    EventLoop loop();

    Connection connection();

    /** Sends the head; 1xx other than 101 may precede the final one. */
    void respond(ResponseHead head, boolean end);

    void trailers(HttpHeaders trailers);

    /** Ends the exchange abruptly: RST_STREAM, or the connection's end. */
    @Override
    void abort();

    /** What an exchange knows of the connection it came by. */
    interface Connection {
        /** The client's IP address and port. */
        String remoteIp();

        int remotePort();

        /** The address that the client connected to, null where it is not known. */
        @Nullable
        SocketAddress asked();

        boolean tls();

        /** The name of the listener that SNI chose; empty without TLS. */
        String sniListener();

        /** The bound socket's key in the plan: its bind port. */
        int bindPort();

        /** What the client showed in the TLS handshake, null for nothing. */
        @Nullable
        ClientCertificate clientCertificate();

        /** Of its ClientHello, where the listener asks for them. */
        Fingerprints fingerprints();
    }
}
