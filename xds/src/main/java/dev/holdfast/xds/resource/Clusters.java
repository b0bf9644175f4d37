package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Telemetry;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.DiscoveryType;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.DnsLookupFamily;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.EdsClusterConfig;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.LbPolicy;
import io.envoyproxy.envoy.config.cluster.v3.TrackClusterStats;
import io.envoyproxy.envoy.config.cluster.v3.UpstreamConnectionOptions;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Locality;
import io.envoyproxy.envoy.config.core.v3.Pipe;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TcpKeepalive;
import io.envoyproxy.envoy.config.core.v3.TransportSocket;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.CommonTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsParameters;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.Percent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A cluster of the plan as two of Envoy's: one for pages under its name, one for streams beside it, with their own circuit
 * breaker and HTTP/1.1 wherever the backend is not HTTP/2 only. Both have their endpoints from one EDS resource.
 */
public final class Clusters {
    /** Debian's, Ubuntu's and Alpine's place; Envoy's own images have it too. */
    static final String SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt";

    static final String STREAMS = "/streams";
    private static final String HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    private static final int BUFFER = 32_768;
    private static final Duration DNS_REFRESH = Duration.ofSeconds(30);
    private static final Pattern IPV4 = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}");

    private Clusters() {}

    /** The name of a cluster's other half, the one for streams. */
    static String streams(String cluster) {
        return cluster + STREAMS;
    }

    /** Whether Envoy's cluster of this name is one for streams. */
    public static boolean isForStreams(String name) {
        return name.endsWith(STREAMS);
    }

    /** The plan's name of one of Envoy's clusters. */
    public static String ofPlan(String name) {
        return isForStreams(name) ? name.substring(0, name.length() - STREAMS.length()) : name;
    }

    /** All that stands for one cluster of the plan. */
    record Made(
            List<io.envoyproxy.envoy.config.cluster.v3.Cluster> clusters,
            Optional<ClusterLoadAssignment> endpoints,
            List<Secret> secrets) {}

    static Made of(Cluster cluster, Telemetry.Statistics statistics) {
        List<Secret> secrets = new ArrayList<>();
        cluster.tls().filter(Clusters::hasOwnCa).ifPresent(tls -> secrets.add(ca(cluster, tls)));
        cluster.tls().flatMap(Cluster.UpstreamTls::shown).ifPresent(c -> secrets.add(XdsResources.certificate(c)));
        return new Made(
                List.of(told(of(cluster, false), statistics), told(of(cluster, true), statistics)),
                hasNames(cluster) ? Optional.empty() : Optional.of(assignment(cluster, cluster.name())),
                List.copyOf(secrets));
    }

    private static io.envoyproxy.envoy.config.cluster.v3.Cluster of(Cluster cluster, boolean streams) {
        String name = streams ? streams(cluster.name()) : cluster.name();
        ClusterTraffic traffic = cluster.traffic();
        HttpProtocolOptions http = protocol(cluster, streams);
        io.envoyproxy.envoy.config.cluster.v3.Cluster.Builder out =
                io.envoyproxy.envoy.config.cluster.v3.Cluster.newBuilder()
                        .setName(name)
                        .setConnectTimeout(Proto.duration(
                                cluster.connectTimeout().isZero() ? Duration.ofSeconds(10) : cluster.connectTimeout()))
                        .setPerConnectionBufferLimitBytes(
                                Proto.count(traffic.bufferLimit() > 0 ? traffic.bufferLimit() : BUFFER))
                        .setLbPolicy(LbPolicy.ROUND_ROBIN)
                        .setIgnoreHealthOnHostRemoval(true)
                        .setCircuitBreakers(breakers(cluster, streams))
                        .putTypedExtensionProtocolOptions(HTTP_OPTIONS, Proto.any(http));
        if (!hasNames(cluster)) {
            out.setType(DiscoveryType.EDS)
                    .setEdsClusterConfig(EdsClusterConfig.newBuilder()
                            .setEdsConfig(Proto.ADS)
                            .setServiceName(cluster.name()));
        } else {
            // One name: a connection tries its addresses in turn (RFC 8305). Several: each address is an endpoint.
            boolean one = cluster.endpoints().size() == 1;
            Duration refresh = traffic.dns().refresh();
            out.setType(one ? DiscoveryType.LOGICAL_DNS : DiscoveryType.STRICT_DNS)
                    .setDnsLookupFamily(family(traffic.dns().family(), one))
                    .setDnsRefreshRate(Proto.duration(refresh.isZero() ? DNS_REFRESH : refresh))
                    .setRespectDnsTtl(refresh.isZero())
                    .setLoadAssignment(assignment(cluster, name));
        }
        cluster.tcpKeepalive()
                .ifPresent(k -> out.setUpstreamConnectionOptions(
                        UpstreamConnectionOptions.newBuilder().setTcpKeepalive(keepalive(k))));
        cluster.tls().ifPresent(tls -> out.setTransportSocket(tls(cluster, tls, http)));
        Balances.of(traffic, out);
        boolean http2 =
                http.hasExplicitHttpConfig() && http.getExplicitHttpConfig().hasHttp2ProtocolOptions();
        traffic.active()
                .filter(check -> canAsk(cluster, streams, check))
                .ifPresent(check -> out.addHealthChecks(Health.active(check, http2)));
        traffic.passive().ifPresent(check -> out.setOutlierDetection(Health.passive(check)));
        if (traffic.panicPercent() != ClusterTraffic.NONE.panicPercent()) {
            out.setCommonLbConfig(io.envoyproxy.envoy.config.cluster.v3.Cluster.CommonLbConfig.newBuilder()
                    .setHealthyPanicThreshold(Percent.newBuilder().setValue(traffic.panicPercent())));
        }
        return out.build();
    }

    /** Both clusters of one are called the same, so that Envoy counts them together. */
    private static io.envoyproxy.envoy.config.cluster.v3.Cluster told(
            io.envoyproxy.envoy.config.cluster.v3.Cluster cluster, Telemetry.Statistics statistics) {
        if (statistics.cluster().isEmpty() && !statistics.sizes()) {
            return cluster;
        }
        io.envoyproxy.envoy.config.cluster.v3.Cluster.Builder out =
                cluster.toBuilder().setAltStatName(statistics.cluster());
        if (statistics.sizes()) {
            out.setTrackClusterStats(TrackClusterStats.newBuilder().setRequestResponseSizes(true));
        }
        return out.build();
    }

    /** A check by gRPC goes by HTTP/2, which a cluster must speak. */
    static boolean canAsk(Cluster cluster, boolean streams, ClusterTraffic.ActiveCheck check) {
        return !(check.probe() instanceof ClusterTraffic.Probe.Grpc)
                || cluster.protocol() == Cluster.Protocol.HTTP2
                || (!streams
                        && cluster.protocol() == Cluster.Protocol.AUTO
                        && cluster.tls().isPresent());
    }

    private static DnsLookupFamily family(ClusterTraffic.Family family, boolean oneName) {
        return switch (family) {
            case ANY -> oneName ? DnsLookupFamily.ALL : DnsLookupFamily.V4_PREFERRED;
            case IPV4 -> DnsLookupFamily.V4_ONLY;
            case IPV6 -> DnsLookupFamily.V6_ONLY;
            case IPV4_PREFERRED -> DnsLookupFamily.V4_PREFERRED;
            // Envoy's AUTO asks for IPv4 only where there is no IPv6.
            case IPV6_PREFERRED -> DnsLookupFamily.AUTO;
        };
    }

    static TcpKeepalive keepalive(dev.holdfast.plan.TcpKeepalive keepalive) {
        return TcpKeepalive.newBuilder()
                .setKeepaliveProbes(Proto.count(keepalive.probes()))
                .setKeepaliveTime(Proto.count(Math.max(1, keepalive.idleTime().toSeconds())))
                .setKeepaliveInterval(
                        Proto.count(Math.max(1, keepalive.interval().toSeconds())))
                .build();
    }

    static CircuitBreakers breakers(Cluster cluster, boolean streams) {
        CircuitBreakers.Builder out = CircuitBreakers.newBuilder().addThresholds(thresholds(cluster, streams));
        long each = cluster.traffic().connectionsPerEndpoint();
        if (each >= 0) {
            out.addPerHostThresholds(CircuitBreakers.Thresholds.newBuilder().setMaxConnections(Proto.count(each)));
        }
        return out.build();
    }

    private static CircuitBreakers.Thresholds thresholds(Cluster cluster, boolean streams) {
        CircuitBreakers.Thresholds.Builder out = CircuitBreakers.Thresholds.newBuilder()
                .setMaxRetries(Proto.count(cluster.traffic().maxRetries()));
        cluster.traffic()
                .retryBudget()
                .ifPresent(budget -> out.setRetryBudget(CircuitBreakers.Thresholds.RetryBudget.newBuilder()
                        .setBudgetPercent(Percent.newBuilder().setValue(Math.clamp(budget.percent(), 0, 100)))
                        .setMinRetryConcurrency(Proto.count(budget.atLeast()))));
        if (streams && !cluster.streamsInBreaker()) {
            // Where connections are too many a handshake would wait for one to end; where requests are it is refused.
            UInt32Value most = Proto.count(cluster.maxStreams() == 0 ? Integer.MAX_VALUE : cluster.maxStreams());
            return out.setMaxConnections(Proto.count(Integer.MAX_VALUE))
                    .setMaxPendingRequests(most)
                    .setMaxRequests(most)
                    .build();
        }
        return out.setMaxConnections(Proto.count(cluster.breaker().maxConnections()))
                .setMaxPendingRequests(Proto.count(cluster.breaker().maxPendingRequests()))
                .setMaxRequests(Proto.count(cluster.breaker().maxParallelRequests()))
                .build();
    }

    /**
     * Envoy cannot ask again by another protocol, so {@code useClientProtocol} holds only where the backend is known to
     * speak both: cleartext goes by HTTP/1.1, TLS by ALPN (docs/planes.md).
     */
    private static HttpProtocolOptions protocol(Cluster cluster, boolean streams) {
        HttpProtocolOptions.Builder out = HttpProtocolOptions.newBuilder();
        io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions.Builder common =
                io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions.newBuilder()
                        .setIdleTimeout(Proto.duration(cluster.idleTimeout()));
        if (!streams && !cluster.maxConnectionDuration().isZero()) {
            common.setMaxConnectionDuration(Proto.duration(cluster.maxConnectionDuration()));
        }
        if (!streams && cluster.breaker().maxRequestsPerConnection() > 0) {
            common.setMaxRequestsPerConnection(Proto.count(cluster.breaker().maxRequestsPerConnection()));
        }
        out.setCommonHttpProtocolOptions(common);
        Http2ProtocolOptions http2 = http2(cluster);
        if (cluster.protocol() == Cluster.Protocol.HTTP2) {
            out.setExplicitHttpConfig(
                    HttpProtocolOptions.ExplicitHttpConfig.newBuilder().setHttp2ProtocolOptions(http2));
        } else if (!streams && cluster.tls().isPresent() && cluster.protocol() == Cluster.Protocol.AUTO) {
            out.setAutoConfig(HttpProtocolOptions.AutoHttpConfig.newBuilder()
                    .setHttpProtocolOptions(ClientSide.http1())
                    .setHttp2ProtocolOptions(http2));
        } else {
            out.setExplicitHttpConfig(
                    HttpProtocolOptions.ExplicitHttpConfig.newBuilder().setHttpProtocolOptions(ClientSide.http1()));
        }
        return out.build();
    }

    private static Http2ProtocolOptions http2(Cluster cluster) {
        Http2ProtocolOptions.Builder out = Listeners.http2(cluster.http2()).toBuilder();
        cluster.traffic()
                .ping()
                .ifPresent(ping -> out.setConnectionKeepalive(
                        ClientSide.keepalive(ping.interval(), ping.idle(), ping.jitterPercent(), ping.timeout())));
        if (cluster.traffic().wire().invalidEndsConnection()) {
            out.setOverrideStreamErrorOnInvalidHttpMessage(BoolValue.of(false));
        }
        return out.build();
    }

    private static TransportSocket tls(Cluster cluster, Cluster.UpstreamTls tls, HttpProtocolOptions http) {
        CommonTlsContext.Builder common = CommonTlsContext.newBuilder();
        Cluster.Handshake handshake = tls.handshake();
        if (http.hasExplicitHttpConfig()) {
            common.addAllAlpnProtocols(
                    handshake.alpnOf(http.getExplicitHttpConfig().hasHttp2ProtocolOptions() ? "h2" : "http/1.1"));
        } else {
            common.addAllAlpnProtocols(handshake.alpn());
        }
        TlsParameters terms = Listeners.terms(handshake.minVersion(), handshake.maxVersion(), handshake.crypto());
        if (!terms.equals(TlsParameters.getDefaultInstance())) {
            common.setTlsParams(terms);
        }
        UpstreamTlsContext.Builder out = UpstreamTlsContext.newBuilder();
        List<String> hosts = cluster.endpoints().stream()
                .map(Cluster.Endpoint::host)
                .distinct()
                .toList();
        String sni = !tls.sni().isEmpty() || !tls.endpoints().isEmpty()
                ? tls.sni()
                : hosts.size() == 1 && !isIp(hosts.getFirst()) ? hosts.getFirst() : "";
        CertificateValidationContext.Builder check = CertificateValidationContext.newBuilder();
        if (!tls.names().isEmpty()) {
            // Any of these is enough; the name that is asked for is no more than that.
            out.setSni(sni);
            tls.names().forEach(n -> check.addMatchTypedSubjectAltNames(ClientCertificates.name(n)));
        } else if (!sni.isEmpty()) {
            out.setSni(sni);
            check.addMatchTypedSubjectAltNames(san(SubjectAltNameMatcher.SanType.DNS, sni));
        } else if (hasNames(cluster) || !tls.endpoints().isEmpty()) {
            out.setAutoHostSni(true).setAutoSniSanValidation(true);
        } else {
            hosts.forEach(h -> check.addMatchTypedSubjectAltNames(san(SubjectAltNameMatcher.SanType.IP_ADDRESS, h)));
        }
        tls.shown()
                .ifPresent(c -> common.addTlsCertificateSdsSecretConfigs(
                        SdsSecretConfig.newBuilder().setName(c.name()).setSdsConfig(Proto.ADS)));
        if (!tls.insecureSkipVerify()) {
            if (hasOwnCa(tls)) {
                common.setCombinedValidationContext(CommonTlsContext.CombinedCertificateValidationContext.newBuilder()
                        .setDefaultValidationContext(check)
                        .setValidationContextSdsSecretConfig(SdsSecretConfig.newBuilder()
                                .setName(caName(cluster))
                                .setSdsConfig(Proto.ADS)));
            } else {
                common.setValidationContext(
                        check.setTrustedCa(DataSource.newBuilder().setFilename(SYSTEM_CA)));
            }
        } else {
            out.setAutoSniSanValidation(false);
        }
        return TransportSocket.newBuilder()
                .setName("envoy.transport_sockets.tls")
                .setTypedConfig(Proto.any(out.setCommonTlsContext(common).build()))
                .build();
    }

    private static SubjectAltNameMatcher san(SubjectAltNameMatcher.SanType type, String value) {
        return SubjectAltNameMatcher.newBuilder()
                .setSanType(type)
                .setMatcher(StringMatcher.newBuilder().setExact(value))
                .build();
    }

    private static boolean hasOwnCa(Cluster.UpstreamTls tls) {
        return !tls.insecureSkipVerify() && !tls.caPem().isEmpty();
    }

    private static String caName(Cluster cluster) {
        return "ca/" + cluster.name();
    }

    private static Secret ca(Cluster cluster, Cluster.UpstreamTls tls) {
        return Secret.newBuilder()
                .setName(caName(cluster))
                .setValidationContext(CertificateValidationContext.newBuilder()
                        .setTrustedCa(DataSource.newBuilder().setInlineString(tls.caPem())))
                .build();
    }

    /** EDS takes addresses only; names are Envoy's to look up. */
    static boolean hasNames(Cluster cluster) {
        return cluster.endpoints().stream().anyMatch(e -> !e.isUnix() && !isIp(e.host()));
    }

    private static boolean isIp(String host) {
        return host.indexOf(':') >= 0 || IPV4.matcher(host).matches();
    }

    private static ClusterLoadAssignment assignment(Cluster cluster, String name) {
        ClusterLoadAssignment.Builder out = ClusterLoadAssignment.newBuilder().setClusterName(name);
        if (cluster.endpoints().isEmpty()) {
            return out.build();
        }
        boolean names = hasNames(cluster);
        int port =
                cluster.traffic().active().map(ClusterTraffic.ActiveCheck::port).orElse(0);
        for (Zones.Place place : Zones.of(cluster)) {
            LocalityLbEndpoints.Builder all = LocalityLbEndpoints.newBuilder().setPriority(place.priority());
            place.weight()
                    .ifPresent(weight -> all.setLocality(Locality.newBuilder().setZone(place.zone()))
                            .setLoadBalancingWeight(UInt32Value.of(weight)));
            for (Cluster.Endpoint endpoint : place.endpoints()) {
                if (endpoint.isUnix() && names) {
                    continue;
                }
                Endpoint.Builder one =
                        Endpoint.newBuilder().setAddress(address(endpoint)).setHostname(hostname(cluster, endpoint));
                if (port > 0) {
                    one.setHealthCheckConfig(
                            Endpoint.HealthCheckConfig.newBuilder().setPortValue(port));
                }
                all.addLbEndpoints(LbEndpoint.newBuilder().setEndpoint(one));
            }
            out.addEndpoints(all);
        }
        return out.build();
    }

    /** What the endpoint is called in the handshake, where Envoy is to take the name from there. */
    private static String hostname(Cluster cluster, Cluster.Endpoint endpoint) {
        String own = endpoint.isUnix() ? "" : endpoint.host();
        return cluster.tls()
                .filter(tls -> !tls.endpoints().isEmpty())
                .map(tls -> tls.nameOf(endpoint))
                .orElse(own);
    }

    private static Address address(Cluster.Endpoint endpoint) {
        return endpoint.isUnix()
                ? Address.newBuilder()
                        .setPipe(Pipe.newBuilder().setPath(endpoint.host()))
                        .build()
                : Address.newBuilder()
                        .setSocketAddress(SocketAddress.newBuilder()
                                .setAddress(endpoint.host())
                                .setPortValue(endpoint.port()))
                        .build();
    }

    static BoolValue yes() {
        return BoolValue.of(true);
    }
}
