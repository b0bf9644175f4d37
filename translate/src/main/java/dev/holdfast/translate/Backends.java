package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** A backendRef into a cluster: where it is and how to talk to it. */
final class Backends {
    private final ResourceSet set;
    private final Grants grants;
    private final TranslateOptions options;
    private final List<Problem> problems;
    private final Shelves shelves;
    private final Certificates certificates;
    private final Zoning zoning;
    /** What a policy says of a cluster, by the policy's own tree: the same tree says the same. */
    private final Map<Node, Settings> settings = new IdentityHashMap<>();

    /** What a policy says of a cluster. */
    private record Settings(
            boolean useClientProtocol,
            Cluster.CircuitBreaker breaker,
            Optional<TcpKeepalive> keepalive,
            Duration connectTimeout,
            Duration idleTimeout,
            Duration maxDuration,
            Http2Settings http2,
            ClusterTraffic traffic) {}

    Backends(ResourceSet set, Shelves shelves, Grants grants, TranslateOptions options, List<Problem> problems) {
        this.set = set;
        this.grants = grants;
        this.options = options;
        this.problems = problems;
        this.shelves = shelves;
        this.certificates = new Certificates(set, grants, problems);
        this.zoning = new Zoning(options.zone(), problems);
        Map<String, List<Resource>> slices = shelves.slicesByService.of(set.kind("EndpointSlice"));
        shelves.slicesByService.fill(shelves.slices, service -> slices.getOrDefault(service, List.of()));
        Map<String, List<Resource>> tlsPolicies = shelves.tlsPoliciesByBackend.of(set.kind("BackendTLSPolicy"));
        shelves.tlsPoliciesByBackend.fill(shelves.tlsPolicies, backend -> tlsPolicies.getOrDefault(backend, List.of()));
    }

    /** By namespace and name of the Service. */
    static Map<String, List<Resource>> slices(List<Resource> all) {
        Map<String, List<Resource>> out = new HashMap<>();
        for (Resource slice : all) {
            String service = slice.labels().getOrDefault("kubernetes.io/service-name", "");
            out.computeIfAbsent(slice.ref().namespace() + "/" + service, s -> new ArrayList<>())
                    .add(slice);
        }
        return out;
    }

    /** By namespace and name of what they are for. */
    static Map<String, List<Resource>> tlsPolicies(List<Resource> all) {
        Map<String, List<Resource>> out = new HashMap<>();
        for (Resource policy : all) {
            for (Field target : policy.spec().get("targetRefs").items()) {
                List<Resource> of = out.computeIfAbsent(
                        policy.ref().namespace() + "/" + target.get("name").text(""), s -> new ArrayList<>());
                if (of.isEmpty() || of.getLast() != policy) {
                    of.add(policy);
                }
            }
        }
        return out;
    }

    /** What of a Backend's TLS says whom it must lead to; a BackendTLSPolicy says all of it. */
    private static final List<String> CHECKS = List.of(
            "sni", "autoSNIFromEndpointHostname", "caCertificateRefs", "wellKnownCACertificates", "insecureSkipVerify");

    private static final Settings NONE_SAID =
            settings(Field.absent(new Origin(new ResourceRef("", "", "", ""), "", Optional.empty())));

    /** What a backend is, before policy: addresses, protocol, TLS. */
    private record Target(
            List<Cluster.Endpoint> endpoints,
            Cluster.Protocol protocol,
            Optional<Cluster.UpstreamTls> tls,
            Map<Cluster.Endpoint, String> zones,
            Optional<Resource> service) {
        /** In no zone that is known. */
        Target(List<Cluster.Endpoint> endpoints, Cluster.Protocol protocol, Optional<Cluster.UpstreamTls> tls) {
            this(endpoints, protocol, tls, Map.of(), Optional.empty());
        }

        Target as(Cluster.Protocol other) {
            return new Target(endpoints, other, tls, zones, service);
        }
    }

    /** The cluster named {@code name}, or empty where the reference is invalid (its share answers 500). */
    Optional<Cluster> cluster(
            String name, Resource route, Field ref, Optional<Field> policy, Optional<Field> streamPolicy) {
        return cluster(name, route, ref, policy, streamPolicy, Optional.empty());
    }

    /** Likewise, as the listeners of {@code gateway} reach it. */
    Optional<Cluster> cluster(
            String name,
            Resource route,
            Resource gateway,
            Field ref,
            Optional<Field> policy,
            Optional<Field> streamPolicy) {
        Optional<Proxies.Held> proxy = new Proxies(set).of(gateway);
        return cluster(name, route, ref, policy, streamPolicy, proxy.map(Proxies.Held::spec))
                .map(made -> presenting(made, gateway, proxy));
    }

    private Optional<Cluster> cluster(
            String name,
            Resource route,
            Field ref,
            Optional<Field> policy,
            Optional<Field> streamPolicy,
            Optional<Field> proxy) {
        String namespace = ref.get("namespace").text(route.ref().namespace());
        String kind = ref.get("kind").text("Service");
        String service = ref.get("name").text("");
        String group = ref.get("group").text("");
        if (!grants.permits(
                route.ref().group(), route.ref().kind(), route.ref().namespace(), group, kind, namespace, service)) {
            warn(
                    ref,
                    ProblemCode.REF_NOT_PERMITTED,
                    "Backend ref to " + kind + " " + namespace + "/" + service + " not permitted by any ReferenceGrant",
                    "Add a ReferenceGrant in " + namespace + ".");
            return Optional.empty();
        }
        Optional<Target> target = switch (kind) {
            case "Service" -> service(namespace, service, ref, byService(policy, proxy));
            case "Backend" -> backend(namespace, service, ref);
            default -> {
                warn(
                        ref,
                        ProblemCode.INVALID_KIND,
                        "Kind is invalid, only Service and Backend are supported, not " + kind,
                        "Name a Service or Backend.");
                yield Optional.empty();
            }
        };
        boolean grpc = route.ref().kind().equals("GRPCRoute");
        return target.map(t -> grpc ? t.as(Cluster.Protocol.HTTP2) : t)
                .map(t -> build(name, t, ref, policy, streamPolicy));
    }

    /** Whether what a route refers to is for when its other backends are not well. */
    boolean isFallback(Resource route, Field ref) {
        return ref.get("kind").text("Service").equals("Backend")
                && set.find(
                                "Backend",
                                ref.get("namespace").text(route.ref().namespace()),
                                ref.get("name").text(""))
                        .filter(b -> b.spec().get("fallback").flag(false))
                        .isPresent();
    }

    private Cluster build(String name, Target target, Field ref, Optional<Field> policy, Optional<Field> streamPolicy) {
        Settings said = policy.map(Field::node).isPresent()
                ? settings.computeIfAbsent(Objects.requireNonNull(policy.get().node()), n -> settings(policy.get()))
                : NONE_SAID;
        return new Cluster(
                name,
                target.endpoints,
                target.protocol,
                said.useClientProtocol,
                target.tls,
                said.breaker,
                StreamPolicies.streamsOfCluster(streamPolicy),
                StreamPolicies.likeEnvoy(streamPolicy),
                said.keepalive,
                said.connectTimeout,
                said.idleTimeout,
                said.maxDuration,
                said.http2,
                zoning.of(said.traffic, policy, target.service, new Zoning.Places(target.endpoints, target.zones)),
                ref.origin());
    }

    private static Settings settings(Field policy) {
        Field breaker = policy.get("circuitBreaker");
        Field http = policy.at("timeout.http");
        return new Settings(
                policy.get("useClientProtocol").flag(false),
                new Cluster.CircuitBreaker(
                        breaker.get("maxConnections").number(1024),
                        breaker.get("maxPendingRequests").number(1024),
                        breaker.get("maxParallelRequests").number(1024),
                        breaker.get("maxRequestsPerConnection").number(0)),
                keepalive(policy.get("tcpKeepalive")),
                Durations.of(policy.at("timeout.tcp.connectTimeout"), Duration.ofSeconds(10)),
                Durations.of(http.get("connectionIdleTimeout"), Duration.ofHours(1)),
                Durations.of(http.get("maxConnectionDuration"), Duration.ZERO),
                ClientTraffic.http2(policy.get("http2"), Http2Settings.DEFAULT),
                ClusterTraffics.of(policy));
    }

    static Optional<TcpKeepalive> keepalive(Field field) {
        return field.present()
                ? Optional.of(new TcpKeepalive(
                        (int) field.get("probes").number(9),
                        Durations.of(field.get("idleTime"), Duration.ofHours(2)),
                        Durations.of(field.get("interval"), Duration.ofSeconds(75))))
                : Optional.empty();
    }

    /** Whether a Service is to choose among its endpoints itself: the policy says so before the EnvoyProxy. */
    private static boolean byService(Optional<Field> policy, Optional<Field> proxy) {
        return policy.flatMap(p -> p.get("routingType").text())
                .or(() -> proxy.flatMap(p -> p.get("routingType").text()))
                .filter(type -> type.equals("Service"))
                .isPresent();
    }

    /** Where a Service is as a whole: its address in the cluster, else its name; empty where it is headless and has neither. */
    private static Optional<String> address(Resource service) {
        String ip = service.spec().get("clusterIP").text("");
        return ip.equals("None") ? Optional.empty() : Optional.of(ip.isEmpty() ? nameOf(service) : ip);
    }

    private static String nameOf(Resource service) {
        return service.ref().name() + "." + service.ref().namespace() + ".svc";
    }

    private Optional<Target> service(String namespace, String name, Field ref, boolean whole) {
        long port = ref.get("port").number(0);
        Optional<Resource> found = set.find("Service", namespace, name);
        Optional<Field> servicePort = found.flatMap(s -> s.spec().get("ports").items().stream()
                .filter(p -> p.get("port").number(0) == port)
                .findFirst());
        Cluster.Protocol protocol =
                servicePort.map(p -> protocol(p.get("appProtocol").text(""))).orElse(Cluster.Protocol.AUTO);
        Optional<Field> tlsPolicy = tlsPolicy(
                "Service",
                namespace,
                name,
                servicePort.map(p -> p.get("name").text("")).orElse(""));
        Optional<Cluster.UpstreamTls> tls = Optional.empty();
        if (tlsPolicy.isPresent()) {
            tls = upstreamTls(
                    tlsPolicy.get(), namespace, tlsPolicy.get().get("hostname").text(""));
            if (tls.isEmpty()) {
                return Optional.empty();
            }
        }
        String given = options.resolve()
                .getOrDefault(
                        namespace + "/" + name + ":" + port,
                        options.resolve().getOrDefault(namespace + "/" + name, ""));
        if (!given.isEmpty()) {
            int colon = given.lastIndexOf(':');
            return Optional.of(new Target(
                    List.of(new Cluster.Endpoint(
                            given.substring(0, colon), Integer.parseInt(given.substring(colon + 1)))),
                    protocol,
                    tls));
        }
        if (found.isEmpty()) {
            warn(
                    ref,
                    ProblemCode.BACKEND_NOT_FOUND,
                    "service " + namespace + "/" + name + " not found",
                    "Add the Service, or say where it is: --resolve " + namespace + "/" + name + "=HOST:PORT");
            return Optional.empty();
        }
        if (servicePort.isEmpty()) {
            warn(
                    ref,
                    ProblemCode.PORT_NOT_FOUND,
                    "TCP Port " + port + " not found on Service " + namespace + "/" + name,
                    "Name a port that the Service has.");
            return Optional.empty();
        }
        Resource service = found.get();
        if (service.spec().get("type").text("").equals("ExternalName")) {
            return Optional.of(new Target(
                    List.of(new Cluster.Endpoint(
                            service.spec().get("externalName").text(""), (int) port)),
                    protocol,
                    tls));
        }
        Optional<String> address = whole ? address(service) : Optional.empty();
        if (address.isPresent()) {
            return Optional.of(new Target(List.of(new Cluster.Endpoint(address.get(), (int) port)), protocol, tls));
        }
        List<Resource> known = Objects.requireNonNull(shelves.slices.look(namespace + "/" + name));
        if (known.isEmpty()) {
            return Optional.of(new Target(List.of(new Cluster.Endpoint(nameOf(service), (int) port)), protocol, tls));
        }
        List<Cluster.Endpoint> endpoints = new ArrayList<>();
        Map<Cluster.Endpoint, String> zones = new HashMap<>();
        for (Resource slice : known) {
            endpoints.addAll(endpoints(slice, servicePort.get(), zones));
        }
        if (endpoints.isEmpty()) {
            warn(
                    ref,
                    ProblemCode.NO_ENDPOINTS,
                    "failed to find endpoints: no ready endpoints for the related Service " + namespace + "/" + name,
                    "Start its pods, or check the EndpointSlice's ports and conditions.");
        }
        return Optional.of(
                new Target(endpoints.stream().distinct().toList(), protocol, tls, zones, Optional.of(service)));
    }

    private static List<Cluster.Endpoint> endpoints(
            Resource slice, Field servicePort, Map<Cluster.Endpoint, String> zones) {
        List<Cluster.Endpoint> out = new ArrayList<>();
        String name = servicePort.get("name").text("");
        String target =
                servicePort.get("targetPort").text(servicePort.get("port").text(""));
        for (Field port : slice.get("ports").items()) {
            boolean same = port.get("name").text("").equals(name)
                    || port.get("port").text("").equals(target)
                    || slice.get("ports").items().size() == 1;
            if (!same) {
                continue;
            }
            for (Field endpoint : slice.get("endpoints").items()) {
                if (endpoint.at("conditions.ready").flag(true)) {
                    String zone = endpoint.get("zone").text("");
                    for (Field address : endpoint.get("addresses").items()) {
                        Cluster.Endpoint made = new Cluster.Endpoint(
                                address.text(""), (int) port.get("port").number(0));
                        out.add(made);
                        if (!zone.isEmpty()) {
                            zones.put(made, zone);
                        }
                    }
                }
            }
        }
        return out;
    }

    private Optional<Target> backend(String namespace, String name, Field ref) {
        Optional<Resource> found = set.find("Backend", namespace, name);
        if (found.isEmpty()) {
            warn(ref, ProblemCode.BACKEND_NOT_FOUND, "Backend " + namespace + "/" + name + " not found", "Add it.");
            return Optional.empty();
        }
        Field spec = found.get().spec();
        List<Cluster.Endpoint> endpoints = new ArrayList<>();
        Map<Cluster.Endpoint, String> zones = new HashMap<>();
        List<Cluster.NamedEndpoint> named = new ArrayList<>();
        String sni = spec.at("tls.sni").text("");
        for (Field endpoint : spec.get("endpoints").items()) {
            if (endpoint.get("fqdn").present()) {
                endpoints.add(new Cluster.Endpoint(endpoint.at("fqdn.hostname").text(""), (int)
                        endpoint.at("fqdn.port").number(0)));
            } else if (endpoint.get("ip").present()) {
                endpoints.add(new Cluster.Endpoint(endpoint.at("ip.address").text(""), (int)
                        endpoint.at("ip.port").number(0)));
            } else if (endpoint.get("unix").present()) {
                endpoints.add(new Cluster.Endpoint(endpoint.at("unix.path").text(""), -1));
            }
            endpoint.get("zone")
                    .text()
                    .filter(z -> !endpoints.isEmpty())
                    .ifPresent(z -> zones.put(endpoints.getLast(), z));
            String hostname = endpoint.get("hostname").text("");
            if (!hostname.isEmpty() && !endpoints.isEmpty()) {
                named.add(new Cluster.NamedEndpoint(endpoints.getLast(), hostname));
            }
            if (sni.isEmpty()) {
                sni = hostname;
            }
        }
        if (endpoints.isEmpty()) {
            warn(
                    ref,
                    ProblemCode.NO_ENDPOINTS,
                    "Backend " + namespace + "/" + name + " names no endpoint that is carried out on this plane",
                    "Add endpoints with fqdn, ip or unix.");
        }
        Cluster.Protocol protocol = Cluster.Protocol.AUTO;
        boolean wss = false;
        for (Field app : spec.get("appProtocols").items()) {
            protocol = protocol(app.text(""));
            wss |= app.text("").endsWith("/wss");
        }
        Field own = spec.get("tls");
        Optional<Field> tlsPolicy = tlsPolicy("Backend", namespace, name, "");
        if (!wss && !own.present() && tlsPolicy.isEmpty()) {
            return Optional.of(new Target(endpoints, protocol, Optional.empty(), zones, Optional.empty()));
        }
        Optional<Cluster.UpstreamTls> led;
        if (tlsPolicy.isPresent()) {
            unheard(own, tlsPolicy.get());
            led = upstreamTls(
                    tlsPolicy.get(), namespace, tlsPolicy.get().get("hostname").text(""));
        } else if (own.get("autoSNIFromEndpointHostname").flag(false)) {
            led = upstreamTls(own, namespace, "").map(tls -> tls.calling(named));
        } else {
            led = upstreamTls(own, namespace, sni);
        }
        Cluster.Protocol spoken = protocol;
        return led.flatMap(tls -> shaking(found.get(), tls))
                .map(tls -> new Target(endpoints, spoken, Optional.of(tls), zones, Optional.empty()));
    }

    /** Names what a Backend says of whom TLS must lead to, where a BackendTLSPolicy says so instead. */
    private void unheard(Field own, Field policy) {
        for (String check : CHECKS) {
            if (own.get(check).present()) {
                warn(
                        own.get(check),
                        ProblemCode.NOT_CARRIED_OUT,
                        "this does not hold: " + policy.origin().resource() + " says whom TLS must lead to here",
                        "Remove one of the two.");
            }
        }
    }

    /** With a Backend's own words on handshakes; empty where a certificate that is to be shown cannot be had. */
    private Optional<Cluster.UpstreamTls> shaking(Resource backend, Cluster.UpstreamTls tls) {
        Field own = backend.spec().get("tls");
        Cluster.UpstreamTls out = tls.with(ClientTraffic.handshake(own, problems));
        Field certificate = own.get("clientCertificateRef");
        return certificate.present() ? certificates.one(backend, certificate).map(out::showing) : Optional.of(out);
    }

    /**
     * What the BackendTLSPolicy of a backend wants: one for the section before one for the whole.
     *
     * @param section a Service's port by its name; a Backend has none
     */
    private Optional<Field> tlsPolicy(String kind, String namespace, String name, String section) {
        Optional<Field> whole = Optional.empty();
        for (Resource policy : Objects.requireNonNull(shelves.tlsPolicies.look(namespace + "/" + name))) {
            for (Field target : policy.spec().get("targetRefs").items()) {
                if (!BackendTlsTargets.isOf(target, kind)
                        || !target.get("name").text("").equals(name)) {
                    continue;
                }
                Optional<String> named = target.get("sectionName").text();
                if (named.isPresent() && named.get().equals(section)) {
                    return Optional.of(policy.spec().get("validation"));
                }
                if (named.isEmpty() && whole.isEmpty()) {
                    whole = Optional.of(policy.spec().get("validation"));
                }
            }
        }
        return whole;
    }

    /** Empty where a certificate authority that is named cannot be had: nothing is sent to a backend unverified. */
    private Optional<Cluster.UpstreamTls> upstreamTls(Field tls, String namespace, String sni) {
        StringBuilder pem = new StringBuilder();
        for (Field ref : tls.get("caCertificateRefs").items()) {
            String kind = ref.get("kind").text("ConfigMap");
            String name = ref.get("name").text("");
            if (!ref.get("group").text("").isEmpty() || !(kind.equals("ConfigMap") || kind.equals("Secret"))) {
                problems.add(Problem.at(
                        ref.origin(),
                        ProblemCode.INVALID_KIND,
                        Severity.ERROR,
                        "CA certificates lie in a ConfigMap or Secret, not in a " + kind,
                        "Name a ConfigMap with the key ca.crt."));
                return Optional.empty();
            }
            Optional<Resource> found = set.find(kind, namespace, name);
            String ca = found.map(f -> Certificates.value(f, "ca.crt")).orElse("");
            if (!ca.contains("-----BEGIN CERTIFICATE-----")) {
                problems.add(Problem.at(
                        ref.origin(),
                        ProblemCode.CERTIFICATE_REF,
                        Severity.ERROR,
                        kind + " " + namespace + "/" + name
                                + (found.isEmpty() ? " does not exist" : " has no PEM certificate under ca.crt"),
                        "Add it with the key ca.crt."));
                return Optional.empty();
            }
            pem.append(ca).append('\n');
        }
        return Optional.of(new Cluster.UpstreamTls(
                sni,
                pem.toString(),
                tls.get("insecureSkipVerify").flag(false),
                tls.get("subjectAltNames").items().stream().map(Backends::name).toList(),
                Optional.empty()));
    }

    private static Tls.Name name(Field alternative) {
        boolean uri = alternative.get("type").text("").equals("URI");
        return new Tls.Name(
                uri ? Tls.NameType.URI : Tls.NameType.DNS,
                "",
                new TextMatch(
                        TextMatch.Kind.EXACT,
                        uri
                                ? alternative.get("uri").text("")
                                : alternative.get("hostname").text("")));
    }

    /**
     * The cluster as a Gateway's listeners reach it: with what that Gateway shows of itself to backends, and what its EnvoyProxy
     * says of handshakes with them. What a Backend says of itself comes first, then the Gateway, then the EnvoyProxy.
     */
    private Cluster presenting(Cluster cluster, Resource gateway, Optional<Proxies.Held> proxy) {
        if (cluster.tls().isEmpty()) {
            return cluster;
        }
        Cluster.UpstreamTls tls = cluster.tls().get();
        Optional<Tls.Certificate> shown = tls.shown();
        Field ofGateway = gateway.spec().at("tls.backend.clientCertificateRef");
        if (shown.isEmpty() && ofGateway.present()) {
            shown = certificates.one(gateway, ofGateway);
        }
        if (proxy.isPresent()) {
            Field all = proxy.get().spec().get("backendTLS");
            tls = tls.with(tls.handshake().over(ClientTraffic.handshake(all, problems)));
            Field certificate = all.get("clientCertificateRef");
            if (shown.isEmpty() && !ofGateway.present() && certificate.present()) {
                PolicyRefs refs = new PolicyRefs(set, grants, proxy.get().layers(), problems);
                shown = certificates.one(refs.owner(certificate), certificate);
            }
        }
        return cluster.with(shown.map(tls::showing).orElse(tls));
    }

    private static Cluster.Protocol protocol(String appProtocol) {
        return switch (appProtocol) {
            case "kubernetes.io/h2c", "gateway.envoyproxy.io/h2c", "grpc" -> Cluster.Protocol.HTTP2;
            case "kubernetes.io/ws", "kubernetes.io/wss", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss" ->
                Cluster.Protocol.HTTP1;
            default -> Cluster.Protocol.AUTO;
        };
    }

    private void warn(Field field, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(field.origin(), code, Severity.WARNING, message, fix));
    }
}
