package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Says of every field that is valid but not carried out on this plane that it is not: never silence. */
final class Coverage {
    private static final List<String> TARGETS = List.of("targetRef", "targetRefs", "targetSelectors");

    /** Kind to the fields below {@code spec} that something is made of; a path covers all below it. */
    private static final Map<String, Set<String>> CARRIED = table();

    /** Kinds that are facts, not wishes. */
    private static final Set<String> FACTS = new HashSet<>(List.of(
            "Service", "EndpointSlice", "Secret", "ConfigMap", "Namespace", "ServiceAccount", "ReferenceGrant"));

    /** Kinds that only Envoy carries out; it does so whole, or says what it does not. */
    private static final Set<String> ENVOYS = Set.of("EnvoyPatchPolicy", "EnvoyExtensionPolicy");

    /** Of handshakes with backends; fingerprints are taken of clients. */
    private static final String SHAKING =
            " alpnProtocols minVersion maxVersion ciphers ecdhCurves signatureAlgorithms clientCertificateRef";

    private Coverage() {}

    private static Map<String, Set<String>> table() {
        Map<String, Set<String>> out = new LinkedHashMap<>();
        out.put("GatewayClass", Set.of("controllerName", "description", "parametersRef"));
        out.put(
                "Gateway",
                paths(
                        "gatewayClassName",
                        "tls.frontend",
                        "tls.backend",
                        "infrastructure.parametersRef",
                        "allowedListeners",
                        "listeners[]: name hostname port protocol allowedRoutes",
                        "listeners[].tls: mode certificateRefs"));
        String collector = "host port headers resourceAttributes resources backendRef backendRefs";
        String spans = "clientSamplingFraction samplingFraction overallSamplingFraction customTags tags spanName";
        out.put(
                "EnvoyProxy",
                paths(
                        "mergeType",
                        "geoIP",
                        "routingType",
                        "backendTLS:" + SHAKING,
                        "telemetry.tracing: samplingRate " + spans,
                        "telemetry.tracing.provider: type serviceName host port backendRef backendRefs zipkin",
                        "telemetry.tracing.provider.openTelemetry: headers resourceAttributes sampler",
                        "telemetry.accessLog.disable",
                        "telemetry.accessLog.settings[]: type format matches",
                        "telemetry.accessLog.settings[].sinks[]: type file",
                        "telemetry.accessLog.settings[].sinks[].als: type logName http backendRef backendRefs",
                        "telemetry.accessLog.settings[].sinks[].openTelemetry: " + collector,
                        "telemetry.metrics: clusterStatName enablePerEndpointStats enableRequestResponseSizesStats",
                        "telemetry.metrics.sinks[].type",
                        "telemetry.metrics.sinks[].openTelemetry: reportCountersAsDeltas reportHistogramsAsDeltas "
                                + collector));
        // What of it is not carried out is said where it is met, for it makes a route answer 500.
        out.put(
                "SecurityPolicy",
                policy(
                        "mergeType",
                        "apiKeyAuth",
                        "authorization",
                        "basicAuth",
                        "cors",
                        "csrf",
                        "extAuth: bodyToExtAuth contextExtensions failOpen headersToExtAuth recomputeRoute statusOnError timeout",
                        "extAuth.grpc: backendRef backendRefs",
                        "extAuth.http: backendRef backendRefs headersToBackend path pathOverride",
                        "jwt: optional failOpen",
                        "jwt.providers[]: name issuer audiences claimToHeaders extractFrom localJWKS recomputeRoute",
                        "jwt.providers[].remoteJWKS: uri backendRef backendRefs cacheDuration failedRefetchDuration",
                        "oidc: clientID clientIDRef clientSecret cookieConfig cookieDomain csrfTokenTTL defaultRefreshTokenTTL",
                        "oidc: defaultTokenTTL denyRedirect forwardAccessToken forwardIDToken logoutPath passThroughAuthHeader",
                        "oidc: redirectURL refreshToken resources scopes cookieNames",
                        "oidc.provider: issuer authorizationEndpoint tokenEndpoint endSessionEndpoint backendRef backendRefs"));
        out.put(
                "ListenerSet",
                paths(
                        "parentRef",
                        "listeners[]: name hostname port protocol allowedRoutes",
                        "listeners[].tls: mode certificateRefs"));
        Set<String> l4 =
                paths("parentRefs", "rules[].name", "rules[].backendRefs[]: group kind name namespace port weight");
        out.put("TCPRoute", l4);
        out.put("UDPRoute", l4);
        Set<String> tls = new TreeSet<>(l4);
        tls.add("hostnames");
        out.put("TLSRoute", tls);
        String filter = "type requestHeaderModifier responseHeaderModifier urlRewrite requestRedirect extensionRef";
        out.put(
                "HTTPRoute",
                paths(
                        "parentRefs",
                        "hostnames",
                        "rules[]: name matches timeouts retry sessionPersistence",
                        "rules[].filters[]: " + filter + " requestMirror cors externalAuth",
                        "rules[].backendRefs[]: group kind name namespace port weight",
                        "rules[].backendRefs[].filters[]: " + filter));
        out.put(
                "GRPCRoute",
                paths(
                        "parentRefs",
                        "hostnames",
                        "rules[]: name matches sessionPersistence",
                        "rules[].filters[]: " + filter + " requestMirror",
                        "rules[].backendRefs[]: group kind name namespace port weight",
                        "rules[].backendRefs[].filters[]: " + filter));
        out.put("HTTPRouteFilter", Set.of("urlRewrite", "directResponse", "credentialInjection", "matches"));
        out.put(
                "Backend",
                paths(
                        "type",
                        "fallback",
                        "appProtocols",
                        "endpoints[]: fqdn ip unix hostname zone",
                        "tls: sni autoSNIFromEndpointHostname caCertificateRefs insecureSkipVerify wellKnownCACertificates"
                                + SHAKING));
        out.put(
                "BackendTLSPolicy",
                paths("targetRefs", "validation: hostname subjectAltNames caCertificateRefs wellKnownCACertificates"));
        out.put(
                "ClientTrafficPolicy",
                policy(
                        "tls: alpnProtocols minVersion maxVersion ciphers ecdhCurves signatureAlgorithms session"
                                + " clientValidation fingerprints",
                        "timeout",
                        "tcpKeepalive",
                        "connection: connectionLimit bufferLimit socketBufferLimit maxAcceptPerSocketEvent",
                        "clientIPDetection",
                        "proxyProtocol",
                        "enableProxyProtocol",
                        "healthCheck",
                        "path",
                        "headers: withUnderscoresAction earlyRequestHeaders lateResponseHeaders requestID"
                                + " preserveXRequestID host maxRequestHeaderLimit xForwardedClientCert"
                                + " disableRateLimitHeaders enableEnvoyHeaders",
                        "http1",
                        "scheme",
                        "grpc.enableWeb",
                        "http3",
                        "http2: maxConcurrentStreams initialStreamWindowSize initialConnectionWindowSize"
                                + " connectionKeepalive onInvalidMessage"));
        out.put(
                "BackendTrafficPolicy",
                policy(
                        "mergeType",
                        "useClientProtocol",
                        "routingType",
                        "faultInjection",
                        "responseOverride",
                        "requestBuffer",
                        "admissionControl",
                        "rateLimit: type",
                        "rateLimit.local.rules[]: clientSelectors limit shared shadowMode xRateLimitHeaders",
                        "rateLimit.local.rules[].cost.request: from number metadata",
                        "bandwidthLimit.request.limit",
                        "bandwidthLimit.response: limit responseTrailers",
                        "compression",
                        "compressor",
                        "retry: numRetries numAttemptsPerPriority retryOn perRetry",
                        "loadBalancer: type consistentHash slowStart endpointOverride zoneAware",
                        "loadBalancer.backendUtilization: blackoutPeriod weightExpirationPeriod weightUpdatePeriod"
                                + " errorUtilizationPenaltyPercent metricNamesForComputingUtilization keepResponseHeaders outOfBand",
                        "healthCheck: panicThreshold passive",
                        "healthCheck.active: type timeout interval initialJitter unhealthyThreshold healthyThreshold"
                                + " overrides http tcp grpc healthCheckLog",
                        "dns",
                        "connection: bufferLimit preconnect socketBufferLimit",
                        "proxyProtocol",
                        "http2.connectionKeepalive: interval timeout idleInterval intervalJitter",
                        "httpUpgrade[]: type connect",
                        "tcpKeepalive",
                        "circuitBreaker: maxConnections maxPendingRequests maxParallelRequests maxRequestsPerConnection"
                                + " maxParallelRetries perEndpoint retryBudget",
                        "timeout.tcp.connectTimeout",
                        "telemetry.tracing: " + spans,
                        "telemetry.metrics.routeStatName",
                        "timeout.http: requestTimeout connectionIdleTimeout maxConnectionDuration streamIdleTimeout"
                                + " maxStreamDuration",
                        "http2: maxConcurrentStreams initialStreamWindowSize initialConnectionWindowSize"
                                + " onInvalidMessage"));
        out.put(
                "StreamPolicy",
                policy(
                        "mergeType",
                        "compatibility",
                        "limits",
                        "allowedOrigins",
                        "ping",
                        "idleTimeout",
                        "maxLifetime",
                        "tokenExpiry",
                        "onRouteRemoved",
                        "onPolicyChanged",
                        "drain"));
        return Map.copyOf(out);
    }

    private static Set<String> policy(String... entries) {
        Set<String> out = new TreeSet<>(paths(entries));
        out.addAll(TARGETS);
        return out;
    }

    /** {@code "a.b: c d"} stands for {@code a.b.c} and {@code a.b.d}. */
    private static Set<String> paths(String... entries) {
        Set<String> out = new TreeSet<>();
        for (String entry : entries) {
            int colon = entry.indexOf(": ");
            if (colon < 0) {
                out.add(entry);
                continue;
            }
            for (String name : entry.substring(colon + 2).split(" ")) {
                out.add(entry.substring(0, colon) + "." + name);
            }
        }
        return out;
    }

    /** A place on the way to fields that are carried out. */
    private record Place(Map<String, Place> below) {
        /** A field that is carried out with all below it. */
        static final Place WHOLE = new Place(Map.of());

        static Place of(Set<String> paths) {
            Place root = new Place(new HashMap<>());
            paths.forEach(path -> root.add(List.of(path.replace("[]", ".[]").split("\\."))));
            return root;
        }

        private void add(List<String> names) {
            if (names.size() == 1) {
                below.put(names.getFirst(), WHOLE);
                return;
            }
            Place next = below.computeIfAbsent(names.getFirst(), n -> new Place(new HashMap<>()));
            if (next != WHOLE) {
                next.add(names.subList(1, names.size()));
            }
        }
    }

    private static final Map<String, Place> PLACES =
            CARRIED.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, e -> Place.of(e.getValue())));

    /** Of a Gateway, what its Service is made by where it has one. */
    private static final List<String> OF_SERVICES =
            List.of("spec.infrastructure.labels", "spec.infrastructure.annotations", "spec.addresses");

    private static final String MADE_BY = "EnvoyProxy";

    /** With what Services are made by, on either plane. */
    private static final Place WITH_SERVICES =
            with(MADE_BY, paths("mergeGateways", "ipFamily", "provider.type", "provider.kubernetes.envoyService"));

    /** And with what Envoys of a cluster are made by. */
    private static final Place WITH_ENVOYS = with(
            MADE_BY,
            paths(
                    "mergeGateways",
                    "bootstrap",
                    "concurrency",
                    "extraArgs",
                    "ipFamily",
                    "logging",
                    "shutdown: drainTimeout minDrainDuration",
                    "provider.type",
                    "provider.kubernetes: envoyService envoyDeployment envoyDaemonSet envoyServiceAccount envoyHpa envoyPDB"));

    private static final String LIMITED = "BackendTrafficPolicy";

    /** With what a service that counts adds. */
    private static final Place LIMITED_BY_ALL = with(
            LIMITED,
            paths(
                    "rateLimit.global.rules[]: clientSelectors shared shadowMode xRateLimitHeaders",
                    "rateLimit.global.rules[].limit: requests unit",
                    "rateLimit.global.rules[].cost.request: from number metadata",
                    "rateLimit.global.rules[].cost.response: from number metadata"));

    private static Place with(String kind, Set<String> more) {
        Set<String> all = new TreeSet<>(CARRIED.getOrDefault(kind, Set.of()));
        all.addAll(more);
        return Place.of(all);
    }

    /**
     * Each resource is a step of its own.
     *
     * @param options of which the plane counts, for Envoy has what {@link #ENVOYS} ask for, and whether Gateways have Services
     */
    static void check(
            ResourceSet set, TranslateOptions options, Steps<Resource, Boolean> steps, List<Problem> problems) {
        for (Resource resource : set.resources()) {
            String kind = resource.ref().kind();
            if (!FACTS.contains(kind) && !(options.envoy() && ENVOYS.contains(kind))) {
                steps.of(resource, problems, () -> check(resource, place(kind, options), problems));
            }
        }
        if (options.exposed()) {
            problems.removeIf(p -> p.code() == ProblemCode.NOT_CARRIED_OUT
                    && p.resource().filter(r -> r.kind().equals("Gateway")).isPresent()
                    && OF_SERVICES.contains(p.fieldPath()));
        }
        Set<Spot> unknown = set.problems().stream()
                .filter(p -> p.code() == ProblemCode.UNKNOWN_FIELD)
                .map(Spot::of)
                .collect(Collectors.toSet());
        if (!unknown.isEmpty()) {
            problems.removeIf(p -> p.code() == ProblemCode.NOT_CARRIED_OUT && unknown.contains(Spot.of(p)));
        }
    }

    private static @Nullable Place place(String kind, TranslateOptions options) {
        if (kind.equals(MADE_BY) && options.exposed()) {
            return options.envoy() ? WITH_ENVOYS : WITH_SERVICES;
        }
        return kind.equals(LIMITED) && options.limitsAll() ? LIMITED_BY_ALL : PLACES.get(kind);
    }

    /** A place in a manifest; where there is no such field, that has been said, and nothing is valid. */
    private record Spot(Optional<ResourceRef> resource, String path) {
        static Spot of(Problem problem) {
            return new Spot(problem.resource(), problem.fieldPath());
        }
    }

    private static boolean check(Resource resource, @Nullable Place kind, List<Problem> problems) {
        if (kind == null) {
            problems.add(
                    notCarriedOut(resource.spec(), "the kind " + resource.ref().kind()));
        } else if (resource.spec().present()) {
            walk(resource.spec(), kind, problems);
        }
        return true;
    }

    private static void walk(Field field, Place place, List<Problem> problems) {
        switch (field.node()) {
            case Node.Mapping map ->
                map.entries().keySet().forEach(name -> child(field.get(name), place.below.get(name), problems));
            case Node.Sequence ignored -> {
                for (Field item : field.items()) {
                    child(item, place.below.get("[]"), problems);
                }
            }
            case null, default -> {}
        }
    }

    private static void child(Field field, @Nullable Place place, List<Problem> problems) {
        if (!field.present()) {
            return;
        }
        if (place == null) {
            problems.add(notCarriedOut(field, "the field"));
        } else if (place != Place.WHOLE) {
            walk(field, place, problems);
        }
    }

    private static Problem notCarriedOut(Field at, String what) {
        return Problem.at(
                at.origin(),
                ProblemCode.NOT_CARRIED_OUT,
                Severity.WARNING,
                what + " is valid, but is not carried out on this plane",
                "Remove it, or live without it; the rest of the manifest holds.");
    }
}
