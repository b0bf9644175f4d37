package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Tls;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.config.core.v3.Http3ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.QuicKeepAliveSettings;
import io.envoyproxy.envoy.config.core.v3.QuicProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.config.core.v3.UdpSocketConfig;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.UdpListenerConfig;
import io.envoyproxy.envoy.extensions.filters.http.header_to_metadata.v3.Config;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatchAndSubstitute;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The UDP port beside a TCP port, for clients that come by HTTP/3 (RFC 9114). It has a filter chain for each listener that says
 * so and asks the TCP port's route tables; so HTTP/3 comes and goes without any of the TCP port's chains being touched.
 */
final class QuicListeners {
    // What the embedded plane lets a client have (docs/adr/0014).
    private static final int STREAMS_AT_ONCE = 100;
    private static final int STREAM_WINDOW = 256 * 1024;
    private static final int CONNECTION_WINDOW = 1024 * 1024;

    /** A quiet stream's connection is not idle: clients commonly give up after 30 or 60 seconds without a packet. */
    private static final Duration PING = Duration.ofSeconds(20);

    private static final String METADATA = "holdfast.authority";

    private static final QuicProtocolOptions QUIC = QuicProtocolOptions.newBuilder()
            .setMaxConcurrentStreams(UInt32Value.of(STREAMS_AT_ONCE))
            .setInitialStreamWindowSize(UInt32Value.of(STREAM_WINDOW))
            .setInitialConnectionWindowSize(UInt32Value.of(CONNECTION_WINDOW))
            .setConnectionKeepalive(QuicKeepAliveSettings.newBuilder()
                    .setInitialInterval(Proto.duration(PING))
                    .setMaxInterval(Proto.duration(PING)))
            .build();

    private QuicListeners() {}

    static String name(int bindPort) {
        return "quic-" + Listeners.name(bindPort);
    }

    /** Envoy asks no client for a certificate over QUIC, so a listener that does keeps to TCP. */
    static boolean serves(dev.holdfast.plan.Listener listener) {
        return listener.client().connection().quic()
                && listener.tls()
                        .filter(tls -> tls.clientValidation().isEmpty())
                        .isPresent();
    }

    /** Of a TCP port's listeners; empty where none takes clients by QUIC. */
    static Optional<Listener> of(int bindPort, List<dev.holdfast.plan.Listener> http) {
        Listener.Builder out = Listener.newBuilder()
                .setName(name(bindPort))
                .setAddress(Listeners.address(
                        SocketAddress.Protocol.UDP,
                        bindPort,
                        http.stream()
                                .findFirst()
                                .flatMap(l -> l.client().connection().family())))
                .setUdpListenerConfig(UdpListenerConfig.newBuilder()
                        .setDownstreamSocketConfig(UdpSocketConfig.newBuilder().setPreferGro(BoolValue.of(true)))
                        .setQuicOptions(io.envoyproxy.envoy.config.listener.v3.QuicProtocolOptions.newBuilder()
                                .setQuicProtocolOptions(QUIC)));
        http.stream()
                .filter(QuicListeners::serves)
                .sorted(Comparator.comparing(dev.holdfast.plan.Listener::name))
                .forEach(l -> l.tls()
                        .ifPresent(tls -> out.addFilterChains(Listeners.chain(
                                l.name(),
                                l,
                                Optional.of(socket(l.name(), tls)),
                                manager -> manager.setCodecType(HttpConnectionManager.CodecType.HTTP3)
                                        .setHttp3ProtocolOptions(Http3ProtocolOptions.newBuilder()
                                                // A WebSocket comes by extended CONNECT (RFC 9220).
                                                .setAllowExtendedConnect(true)
                                                .setOverrideStreamErrorOnInvalidHttpMessage(BoolValue.of(
                                                        !l.client().http2().invalidEndsConnection())))))));
        return out.getFilterChainsCount() == 0 ? Optional.empty() : Optional.of(out.build());
    }

    private static TransportSocket socket(String listener, Tls tls) {
        return TransportSocket.newBuilder()
                .setName("envoy.transport_sockets.quic")
                .setTypedConfig(Proto.any(QuicDownstreamTransport.newBuilder()
                        .setDownstreamTlsContext(Listeners.context(listener, tls, List.of("h3")))
                        // It may be replayed (RFC 8446 §8).
                        .setEnableEarlyData(BoolValue.of(false))
                        .build()))
                .build();
    }

    /**
     * What notes the port of the request's authority, 443 where it names none (RFC 9110 §4.2.2). A rule that comes to nothing
     * leaves what the one before has noted.
     */
    static Any authority() {
        Config.KeyValuePair.Builder port =
                Config.KeyValuePair.newBuilder().setMetadataNamespace(METADATA).setKey("port");
        return Proto.any(Config.newBuilder()
                .addRequestRules(rule(port.clone().setValue("443")))
                .addRequestRules(rule(port.clone()
                        .setRegexValueRewrite(RegexMatchAndSubstitute.newBuilder()
                                .setPattern(Proto.regex("^(?:.*:([0-9]{1,5})|.*)$"))
                                .setSubstitution("\\1"))))
                .build());
    }

    private static Config.Rule rule(Config.KeyValuePair.Builder present) {
        return Config.Rule.newBuilder()
                .setHeader(":authority")
                .setOnHeaderPresent(present)
                .build();
    }

    /** RFC 7838 §3: clients may come by HTTP/3 to the port by which they have come, as they name it. */
    static HeaderValueOption altSvc() {
        return HeaderValueOption.newBuilder()
                .setHeader(HeaderValue.newBuilder()
                        .setKey("alt-svc")
                        .setValue("h3=\":%DYNAMIC_METADATA(" + METADATA + ":port)%\"; ma=86400"))
                .setAppendAction(HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)
                .build();
    }
}
