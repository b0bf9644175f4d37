package dev.holdfast.dataplane;

import dev.holdfast.plan.Cluster;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;

/** An address where connections are refused: it is taken, so that nobody else comes to listen there, and nobody listens. */
final class Refusing implements AutoCloseable {
    private final Socket socket = new Socket();

    Refusing() throws IOException {
        socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    Cluster.Endpoint endpoint() {
        return new Cluster.Endpoint("127.0.0.1", socket.getLocalPort());
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
