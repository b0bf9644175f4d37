package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A backendRef into a cluster: where it is and how to talk to it. */
record Backends(ResourceSet set, Grants grants, TranslateOptions options, List<Problem> problems) {
    private static final Field NONE_FIELD_PARENT = null_();

    private static Field null_() {
        dev.holdfast.problem.ResourceRef none = new dev.holdfast.problem.ResourceRef("", "", "", "");
        return new Field(none, "", null, new dev.holdfast.problem.Origin(none, "", Optional.empty()));
    }

    /** What a backend is, before policy: addresses, protocol, TLS. */
    private record Target(List<Cluster.Endpoint> endpoints, Cluster.Protocol protocol, Optional<Cluster.UpstreamTls> tls) {}

    /** The cluster named {@code name}, or empty where the reference is invalid (its share answers 500). */
    Optional<Cluster> cluster(String name, Resource route, Field ref, Optional<Field> policy) {
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
            case "Service" -> service(namespace, service, ref);
            case "Backend" -> backend(namespace, service, ref);
            default -> {
                warn(ref, ProblemCode.BACKEND_NOT_FOUND, "the kind " + kind + " is not a backend", "Name a Service or Backend.");
                yield Optional.empty();
            }
        };
        return target.map(t -> build(name, t, ref, policy.orElse(NONE_FIELD_PARENT)));
    }

    private Cluster build(String name, Target target, Field ref, Field policy) {
        Field breaker = policy.get("circuitBreaker");
        Field keepalive = policy.get("tcpKeepalive");
        Field http = policy.at("timeout.http");
        return new Cluster(
                name,
                target.endpoints,
                target.protocol,
                policy.get("useClientProtocol").flag(false),
                target.tls,
                new Cluster.CircuitBreaker(
                        breaker.get("maxConnections").number(1024),
                        breaker.get("maxPendingRequests").number(1024),
                        breaker.get("maxParallelRequests").number(1024),
                        breaker.get("maxRequestsPerConnection").number(0)),
                100_000,
                keepalive(keepalive),
                Durations.of(policy.at("timeout.tcp.connectTimeout"), Duration.ofSeconds(10)),
                Durations.of(http.get("connectionIdleTimeout"), Duration.ofHours(1)),
                Durations.of(http.get("maxConnectionDuration"), Duration.ZERO),
                Listeners.http2(policy.get("http2"), Http2Settings.DEFAULT),
                ref.origin());
    }

    static Optional<TcpKeepalive> keepalive(Field field) {
        return field.present()
                ? Optional.of(new TcpKeepalive(
                        (int) field.get("probes").number(9),
                        Durations.of(field.get("idleTime"), Duration.ofHours(2)),
                        Durations.of(field.get("interval"), Duration.ofSeconds(75))))
                : Optional.empty();
    }

    private Optional<Target> service(String namespace, String name, Field ref) {
        long port = ref.get("port").number(0);
        Optional<Resource> found = set.find("Service", namespace, name);
        Optional<Field> servicePort = found.flatMap(s -> s.spec().get("ports").items().stream()
                .filter(p -> p.get("port").number(0) == port)
                .findFirst());
        Cluster.Protocol protocol = servicePort
                .map(p -> protocol(p.get("appProtocol").text("")))
                .orElse(Cluster.Protocol.AUTO);
        String given = options.resolve()
                .getOrDefault(
                        namespace + "/" + name + ":" + port,
                        options.resolve().getOrDefault(namespace + "/" + name, ""));
        if (!given.isEmpty()) {
            int colon = given.lastIndexOf(':');
            return Optional.of(new Target(
                    List.of(new Cluster.Endpoint(given.substring(0, colon), Integer.parseInt(given.substring(colon + 1)))),
                    protocol,
                    Optional.empty()));
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
                    ProblemCode.BACKEND_NOT_FOUND,
                    "TCP Port " + port + " not found on Service " + namespace + "/" + name,
                    "Name a port that the Service has.");
            return Optional.empty();
        }
        Resource service = found.get();
        if (service.spec().get("type").text("").equals("ExternalName")) {
            return Optional.of(new Target(
                    List.of(new Cluster.Endpoint(service.spec().get("externalName").text(""), (int) port)),
                    protocol,
                    Optional.empty()));
        }
        List<Resource> slices = set.kind("EndpointSlice").stream()
                .filter(s -> s.ref().namespace().equals(namespace)
                        && name.equals(s.labels().get("kubernetes.io/service-name")))
                .toList();
        if (slices.isEmpty()) {
            return Optional.of(new Target(
                    List.of(new Cluster.Endpoint(name + "." + namespace + ".svc", (int) port)),
                    protocol,
                    Optional.empty()));
        }
        List<Cluster.Endpoint> endpoints = new ArrayList<>();
        for (Resource slice : slices) {
            endpoints.addAll(endpoints(slice, servicePort.get()));
        }
        if (endpoints.isEmpty()) {
            warn(
                    ref,
                    ProblemCode.NO_ENDPOINTS,
                    "failed to find endpoints: no ready endpoints for the related Service " + namespace + "/" + name,
                    "Start its pods, or check the EndpointSlice's ports and conditions.");
        }
        return Optional.of(new Target(
                endpoints.stream().distinct().toList(), protocol, Optional.empty()));
    }

    private static List<Cluster.Endpoint> endpoints(Resource slice, Field servicePort) {
        List<Cluster.Endpoint> out = new ArrayList<>();
        String name = servicePort.get("name").text("");
        String target = servicePort.get("targetPort").text(servicePort.get("port").text(""));
        for (Field port : slice.get("ports").items()) {
            boolean same = port.get("name").text("").equals(name)
                    || port.get("port").text("").equals(target)
                    || slice.get("ports").items().size() == 1;
            if (!same) {
                continue;
            }
            for (Field endpoint : slice.get("endpoints").items()) {
                if (endpoint.at("conditions.ready").flag(true)) {
                    for (Field address : endpoint.get("addresses").items()) {
                        out.add(new Cluster.Endpoint(
                                address.text(""), (int) port.get("port").number(0)));
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
        String host = "";
        for (Field endpoint : spec.get("endpoints").items()) {
            if (endpoint.get("fqdn").present()) {
                host = endpoint.at("fqdn.hostname").text("");
                endpoints.add(new Cluster.Endpoint(host, (int) endpoint.at("fqdn.port").number(0)));
            } else if (endpoint.get("ip").present()) {
                endpoints.add(new Cluster.Endpoint(
                        endpoint.at("ip.address").text(""), (int) endpoint.at("ip.port").number(0)));
            } else if (endpoint.get("unix").present()) {
                endpoints.add(new Cluster.Endpoint(endpoint.at("unix.path").text(""), -1));
            }
            host = endpoint.get("hostname").text(host);
        }
        Cluster.Protocol protocol = Cluster.Protocol.AUTO;
        boolean wss = false;
        for (Field app : spec.get("appProtocols").items()) {
            protocol = protocol(app.text(""));
            wss |= app.text("").endsWith("/wss");
        }
        Field tls = spec.get("tls");
        Optional<Cluster.UpstreamTls> upstream = wss || tls.present()
                ? Optional.of(new Cluster.UpstreamTls(
                        tls.get("sni").text(host),
                        ca(tls, namespace),
                        tls.get("insecureSkipVerify").flag(false)))
                : Optional.empty();
        return Optional.of(new Target(endpoints, protocol, upstream));
    }

    private String ca(Field tls, String namespace) {
        StringBuilder pem = new StringBuilder();
        for (Field ref : tls.get("caCertificateRefs").items()) {
            String kind = ref.get("kind").text("ConfigMap");
            String name = ref.get("name").text("");
            Optional<Resource> found = set.find(kind, namespace, name);
            if (found.isEmpty()) {
                problems.add(Problem.at(
                        ref.origin(),
                        ProblemCode.CERTIFICATE_REF,
                        Severity.ERROR,
                        kind + " " + namespace + "/" + name + " does not exist",
                        "Add it with a key ca.crt."));
            } else {
                pem.append(Certificates.value(found.get(), "ca.crt")).append('\n');
            }
        }
        return pem.toString();
    }

    private static Cluster.Protocol protocol(String appProtocol) {
        return switch (appProtocol) {
            case "kubernetes.io/h2c", "gateway.envoyproxy.io/h2c", "grpc" -> Cluster.Protocol.HTTP2;
            case "kubernetes.io/ws", "kubernetes.io/wss", "gateway.envoyproxy.io/ws", "gateway.envoyproxy.io/wss" -> Cluster
                    .Protocol.HTTP1;
            default -> Cluster.Protocol.AUTO;
        };
    }

    private void warn(Field field, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(field.origin(), code, Severity.WARNING, message, fix));
    }
}
