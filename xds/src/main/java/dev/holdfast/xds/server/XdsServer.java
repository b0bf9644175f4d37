package dev.holdfast.xds.server;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The gRPC port on which Envoys ask. */
public final class XdsServer implements AutoCloseable {
    private static final int LARGEST_MESSAGE = 16 << 20;
    private static final int LARGEST_METADATA = 16 << 10;

    private final Server server;

    /** Binds; in clear only on loopback, as keys go out by it. */
    public XdsServer(InetSocketAddress listen, Optional<? extends XdsTls> tls, Fleet fleet) throws IOException {
        if (tls.isEmpty() && !listen.getAddress().isLoopbackAddress()) {
            throw new IOException("xDS carries private keys: off loopback it needs mutual TLS");
        }
        TransportLog.begin();
        ServerCredentials credentials = InsecureServerCredentials.create();
        if (tls.isPresent()) {
            credentials = tls.get().credentials();
        }
        this.server = NettyServerBuilder.forAddress(listen, credentials)
                .directExecutor()
                .addService(new AdsService(fleet))
                .addService(new LoadReports(fleet))
                .intercept(new Peers(tls.filter(t -> t instanceof RenewedTls).isPresent()))
                .maxInboundMessageSize(LARGEST_MESSAGE)
                .maxInboundMetadataSize(LARGEST_METADATA)
                .maxConcurrentCallsPerConnection(16)
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(20, TimeUnit.SECONDS)
                .permitKeepAliveTime(5, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .handshakeTimeout(10, TimeUnit.SECONDS)
                .build()
                .start();
    }

    public int port() {
        return server.getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
        try {
            server.awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    /** Notes where a call comes from. */
    private record Peers(boolean certified) implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            Object from = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
            String text = String.valueOf(from);
            Context context =
                    Context.current().withValue(AdsService.Peer.KEY, text.startsWith("/") ? text.substring(1) : text);
            return Contexts.interceptCall(
                    certified
                            ? context.withValue(
                                    AdsService.Peer.FLEET,
                                    RenewedTls.fleet(call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION)))
                            : context,
                    call,
                    headers,
                    next);
        }
    }
}
