package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.UInt64Value;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Tls;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.SocketOption;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.FilterChainMatch;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilter;
import io.envoyproxy.envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.Rds;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsParameters;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The listener of a port. Nothing stands in it that a route, an endpoint or a certificate decides: what changes here makes
 * Envoy replace a filter chain and, after its drain time, cut the streams that came by it.
 */
final class Listeners {
    private static final int BUFFER = 32_768;

    // SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP and its options, as Linux numbers them.
    private static final int SOL_SOCKET = 1;
    private static final int SO_KEEPALIVE = 9;
    private static final int IPPROTO_TCP = 6;
    private static final int TCP_KEEPIDLE = 4;
    private static final int TCP_KEEPINTVL = 5;
    private static final int TCP_KEEPCNT = 6;

    /** The same for all ports: asking for a fingerprint replaces no listener. */
    private static final Message INSPECTOR = Additions.fingerprints(TlsInspector.newBuilder()
            .setEnableJa3Fingerprinting(BoolValue.of(true))
            .build());

    private Listeners() {}

    /** By the port alone, so that a Gateway that is renamed keeps its listener. */
    static String name(int bindPort) {
        return "port-" + bindPort;
    }

    /** A port of all interfaces; at their IPv4 addresses where nothing else is said, for not every machine has others. */
    static Address address(SocketAddress.Protocol protocol, int bindPort, Optional<ConnectionSettings.Family> family) {
        SocketAddress.Builder out =
                SocketAddress.newBuilder().setProtocol(protocol).setPortValue(bindPort);
        switch (family.orElse(ConnectionSettings.Family.IPV4)) {
            case IPV4 -> out.setAddress("0.0.0.0");
            case IPV6 -> out.setAddress("::");
            case BOTH -> out.setAddress("::").setIpv4Compat(true);
        }
        return Address.newBuilder().setSocketAddress(out).build();
    }

    /** Of what is HTTP and what is relayed at a TCP port; one of the two may be empty. */
    static Listener of(int bindPort, List<dev.holdfast.plan.Listener> http, List<L4Listener> relayed, Plan plan) {
        ConnectionSettings connection = connection(http, relayed);
        Listener.Builder out = Listener.newBuilder()
                .setName(name(bindPort))
                .setAddress(address(SocketAddress.Protocol.TCP, bindPort, connection.family()))
                .setPerConnectionBufferLimitBytes(UInt32Value.of(
                        connection.bufferBytes() == ConnectionSettings.DEFAULT.bufferBytes()
                                ? BUFFER
                                : connection.bufferBytes()));
        int accepts = connection.acceptsAtOnce();
        if (accepts > 0 && accepts < Integer.MAX_VALUE) {
            out.setMaxConnectionsToAcceptPerSocketEvent(UInt32Value.of(accepts));
        }
        Optional<TcpKeepalive> keepalive = http.isEmpty()
                ? relayed.getFirst().connection().tcpKeepalive()
                : http.getFirst().http().tcpKeepalive();
        keepalive.ifPresent(k -> {
            out.addSocketOptions(option(SOL_SOCKET, SO_KEEPALIVE, 1));
            out.addSocketOptions(
                    option(IPPROTO_TCP, TCP_KEEPIDLE, Math.max(1, k.idleTime().toSeconds())));
            out.addSocketOptions(
                    option(IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, k.interval().toSeconds())));
            out.addSocketOptions(option(IPPROTO_TCP, TCP_KEEPCNT, k.probes()));
        });
        begin(connection, out);
        if (!http.isEmpty() && http.getFirst().tls().isEmpty()) {
            return out.addFilterChains(chain(name(bindPort), http.getFirst(), Optional.empty(), manager -> {}))
                    .build();
        }
        if (!http.isEmpty() || relayed.getFirst().byName()) {
            out.addListenerFilters(ListenerFilter.newBuilder()
                    .setName("envoy.filters.listener.tls_inspector")
                    .setTypedConfig(Proto.any(INSPECTOR)));
        }
        http.stream()
                .sorted(Comparator.comparing(dev.holdfast.plan.Listener::name))
                .forEach(l ->
                        out.addFilterChains(chain(l.name(), l, l.tls().map(tls -> tls(l.name(), tls)), manager -> {})));
        Set<String> names = http.stream().map(l -> l.hostname().orElse("")).collect(Collectors.toSet());
        return out.addAllFilterChains(new Relays(plan).chains(relayed, names)).build();
    }

    /** Envoy has this once for a port: of the first listener, by name, that says anything of it. */
    private static ConnectionSettings connection(List<dev.holdfast.plan.Listener> http, List<L4Listener> relayed) {
        return Stream.concat(
                        http.stream()
                                .sorted(Comparator.comparing(dev.holdfast.plan.Listener::name))
                                .map(l -> l.client().connection()),
                        relayed.stream().map(L4Listener::connection))
                .min(Comparator.comparing(c -> c.equals(ConnectionSettings.DEFAULT.at(c.family()))))
                .orElse(ConnectionSettings.DEFAULT);
    }

    /** What comes before TLS. */
    private static void begin(ConnectionSettings connection, Listener.Builder out) {
        if (!connection.inspectionTimeout().equals(ConnectionSettings.DEFAULT.inspectionTimeout())) {
            out.setListenerFiltersTimeout(Proto.duration(connection.inspectionTimeout()));
        }
        if (connection.proxyProtocol() != ConnectionSettings.ProxyProtocol.NONE) {
            out.addListenerFilters(ListenerFilter.newBuilder()
                    .setName("envoy.filters.listener.proxy_protocol")
                    .setTypedConfig(Proto.any(ProxyProtocol.newBuilder()
                            .setAllowRequestsWithoutProxyProtocol(
                                    connection.proxyProtocol() == ConnectionSettings.ProxyProtocol.OPTIONAL)
                            .build())));
        }
    }

    private static SocketOption option(int level, int name, long value) {
        return SocketOption.newBuilder()
                .setLevel(level)
                .setName(name)
                .setIntValue(value)
                .setState(SocketOption.SocketState.STATE_PREBIND)
                .build();
    }

    /**
     * @param socket ends TLS or QUIC
     * @param protocol what the connection manager has besides what all have
     */
    static FilterChain chain(
            String name,
            dev.holdfast.plan.Listener listener,
            Optional<TransportSocket> socket,
            Consumer<HttpConnectionManager.Builder> protocol) {
        HttpSettings http = listener.http();
        FilterChain.Builder out = FilterChain.newBuilder().setName(name);
        socket.ifPresent(ended -> {
            listener.hostname()
                    .ifPresent(host -> out.setFilterChainMatch(
                            FilterChainMatch.newBuilder().addServerNames(host)));
            out.setTransportSocket(ended);
            if (!http.tlsHandshakeTimeout().isZero()) {
                out.setTransportSocketConnectTimeout(Proto.duration(http.tlsHandshakeTimeout()));
            }
        });
        if (http.maxConnections() > 0) {
            out.addFilters(
                    limit(http.maxConnections(), listener.client().connection().closeDelay()));
        }
        return out.addFilters(Filter.newBuilder()
                        .setName("envoy.filters.network.http_connection_manager")
                        .setTypedConfig(Proto.any(manager(name, listener, protocol))))
                .build();
    }

    /** @param delay for which a connection too many is held before it is closed */
    static Filter limit(long most, Duration delay) {
        ConnectionLimit.Builder limit =
                ConnectionLimit.newBuilder().setStatPrefix("limit").setMaxConnections(UInt64Value.of(most));
        if (!delay.isZero()) {
            limit.setDelay(Proto.duration(delay));
        }
        return Filter.newBuilder()
                .setName("envoy.filters.network.connection_limit")
                .setTypedConfig(Proto.any(limit.build()))
                .build();
    }

    private static HttpConnectionManager manager(
            String routes, dev.holdfast.plan.Listener listener, Consumer<HttpConnectionManager.Builder> protocol) {
        HttpSettings http = listener.http();
        HttpConnectionManager.Builder out = HttpConnectionManager.newBuilder()
                .setStatPrefix(name(listener.bindPort()))
                .setRds(Rds.newBuilder().setConfigSource(Proto.ADS).setRouteConfigName(routes))
                // Routes say how long a stream may be idle; here nothing does, so that no stream ends by surprise.
                .setStreamIdleTimeout(Proto.duration(Duration.ZERO))
                .setRequestHeadersTimeout(Proto.duration(http.requestHeadersTimeout()))
                .setRequestTimeout(Proto.duration(http.requestReceivedTimeout()))
                .setServerHeaderTransformation(HttpConnectionManager.ServerHeaderTransformation.PASS_THROUGH)
                // On here and off on routes that forbid it: so a handshake meets a redirect or an answer as a page
                // does.
                .addUpgradeConfigs(
                        HttpConnectionManager.UpgradeConfig.newBuilder().setUpgradeType("websocket"))
                .setLocalReplyConfig(LocalReplies.CONFIG)
                .addAllAccessLog(Telemetries.accessLogs(listener))
                .addAllHttpFilters(HttpFilters.ALL);
        Telemetries.tracing(listener).ifPresent(out::setTracing);
        ClientSide.settings(listener.client(), http, out);
        protocol.accept(out);
        return out.build();
    }

    /** Extended CONNECT (RFC 8441) is announced to clients, and spoken to backends that are HTTP/2 only. */
    static Http2ProtocolOptions http2(Http2Settings settings) {
        Http2ProtocolOptions.Builder out = Http2ProtocolOptions.newBuilder()
                .setInitialStreamWindowSize(Proto.window(settings.initialStreamWindow()))
                .setInitialConnectionWindowSize(Proto.window(settings.initialConnectionWindow()))
                .setAllowConnect(true);
        if (settings.maxConcurrentStreams() > 0) {
            out.setMaxConcurrentStreams(UInt32Value.of(settings.maxConcurrentStreams()));
        }
        return out.build();
    }

    static TransportSocket tls(String listener, Tls tls) {
        return TransportSocket.newBuilder()
                .setName("envoy.transport_sockets.tls")
                .setTypedConfig(Proto.any(context(listener, tls, tls.alpn())))
                .build();
    }

    static DownstreamTlsContext context(String listener, Tls tls, List<String> alpn) {
        CommonTlsContext.Builder common = CommonTlsContext.newBuilder()
                .setTlsParams(terms(tls.minVersion(), tls.maxVersion(), tls.crypto()))
                .addAllAlpnProtocols(alpn);
        tls.certificates().stream()
                .map(Tls.Certificate::name)
                .distinct()
                .forEach(name -> common.addTlsCertificateSdsSecretConfigs(
                        SdsSecretConfig.newBuilder().setName(name).setSdsConfig(Proto.ADS)));
        DownstreamTlsContext.Builder out = DownstreamTlsContext.newBuilder()
                .setDisableStatelessSessionResumption(!tls.crypto().tickets())
                .setDisableStatefulSessionResumption(!tls.crypto().sessionCache());
        tls.clientValidation().ifPresent(clients -> {
            common.setValidationContextSdsSecretConfig(SdsSecretConfig.newBuilder()
                    .setName(ClientCertificates.name(listener))
                    .setSdsConfig(Proto.ADS));
            out.setRequireClientCertificate(BoolValue.of(clients.required()));
        });
        return out.setCommonTlsContext(common).build();
    }

    /** Empty versions are Envoy's own. */
    static TlsParameters terms(String min, String max, Tls.Crypto crypto) {
        return TlsParameters.newBuilder()
                .setTlsMinimumProtocolVersion(version(min))
                .setTlsMaximumProtocolVersion(version(max))
                .addAllCipherSuites(crypto.ciphers())
                .addAllEcdhCurves(crypto.curves())
                .addAllSignatureAlgorithms(crypto.signatures())
                .build();
    }

    private static TlsParameters.TlsProtocol version(String name) {
        return switch (name) {
            case "TLSv1" -> TlsParameters.TlsProtocol.TLSv1_0;
            case "TLSv1.1" -> TlsParameters.TlsProtocol.TLSv1_1;
            case "TLSv1.2" -> TlsParameters.TlsProtocol.TLSv1_2;
            case "TLSv1.3" -> TlsParameters.TlsProtocol.TLSv1_3;
            default -> TlsParameters.TlsProtocol.TLS_AUTO;
        };
    }
}
