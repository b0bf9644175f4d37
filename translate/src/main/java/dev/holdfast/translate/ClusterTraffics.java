package dev.holdfast.translate;

import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Balance;
import dev.holdfast.plan.ClusterTraffic.HashOf;
import dev.holdfast.plan.ClusterTraffic.Probe;
import dev.holdfast.resource.Field;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What a BackendTrafficPolicy says of the endpoints of a cluster. Defaults are Envoy Gateway's. */
final class ClusterTraffics {
    private ClusterTraffics() {}

    static ClusterTraffic of(Field policy) {
        Field balancer = policy.get("loadBalancer");
        Field health = policy.get("healthCheck");
        Field breaker = policy.get("circuitBreaker");
        ClusterTraffic made = new ClusterTraffic(
                balance(balancer),
                Durations.of(balancer.at("slowStart.window"), Duration.ZERO),
                balancer.at("endpointOverride.extractFrom").items().stream()
                        .map(f -> f.get("header").text(""))
                        .filter(h -> !h.isEmpty())
                        .toList(),
                active(health.get("active")),
                passive(health.get("passive")),
                (int) health.get("panicThreshold").number(50),
                breaker.get("maxParallelRetries").number(1024),
                budget(breaker.get("retryBudget")),
                breaker.get("perEndpoint").present()
                        ? breaker.at("perEndpoint.maxConnections").number(1024)
                        : -1,
                dns(policy.get("dns")),
                ClientTraffic.quantity(policy.at("connection.bufferLimit"), 0),
                ping(policy.at("http2.connectionKeepalive")),
                preconnect(policy.at("connection.preconnect")),
                Optional.empty(),
                new ClusterTraffic.Wire(
                        ClientTraffic.socketBuffer(policy.at("connection.socketBufferLimit")),
                        policy.at("http2.onInvalidMessage").text("").equals("TerminateConnection"),
                        switch (policy.at("proxyProtocol.version").text("")) {
                            case "V1" -> ClusterTraffic.ProxyHeader.V1;
                            case "V2" -> ClusterTraffic.ProxyHeader.V2;
                            default -> ClusterTraffic.ProxyHeader.NONE;
                        }));
        return made.equals(ClusterTraffic.NONE) ? ClusterTraffic.NONE : made;
    }

    private static Balance balance(Field balancer) {
        return switch (balancer.get("type").text("")) {
            case "Random" -> new Balance.Random();
            case "LeastRequest" -> new Balance.LeastRequest();
            case "BackendUtilization" -> utilization(balancer.get("backendUtilization"));
            case "ConsistentHash" -> new Balance.ConsistentHash(hash(balancer.get("consistentHash")));
            default -> new Balance.RoundRobin();
        };
    }

    private static Balance utilization(Field rules) {
        return new Balance.Utilization(
                Durations.of(rules.get("blackoutPeriod"), Duration.ofSeconds(10)),
                Durations.of(rules.get("weightExpirationPeriod"), Duration.ofMinutes(3)),
                Durations.of(rules.get("weightUpdatePeriod"), Duration.ofSeconds(1)),
                rules.get("errorUtilizationPenaltyPercent").number(0) / 100.0,
                rules.get("metricNamesForComputingUtilization").items().stream()
                        .map(m -> m.text(""))
                        .toList(),
                rules.get("keepResponseHeaders").flag(false),
                Optional.of(rules.get("outOfBand"))
                        .filter(Field::present)
                        .map(o -> new Balance.OutOfBand(
                                Durations.of(o.get("reportingPeriod"), Duration.ofSeconds(10)),
                                (int) o.get("port").number(0),
                                o.get("authority").text(""))));
    }

    private static HashOf hash(Field hash) {
        return switch (hash.get("type").text("")) {
            case "Header" -> new HashOf.Headers(List.of(hash.at("header.name").text("")));
            case "Headers" -> new HashOf.Headers(names(hash.get("headers")));
            case "QueryParams" -> new HashOf.QueryParams(names(hash.get("queryParams")));
            case "Cookie" -> {
                Field cookie = hash.get("cookie");
                yield new HashOf.Cookie(
                        cookie.get("name").text(""),
                        cookie.get("ttl").text().map(Durations::parse),
                        new TreeMap<>(cookie.get("attributes").texts())
                                .entrySet().stream()
                                        .map(e -> e.getValue().isEmpty() ? e.getKey() : e.getKey() + "=" + e.getValue())
                                        .toList());
            }
            default -> new HashOf.SourceIp();
        };
    }

    private static List<String> names(Field list) {
        return list.items().stream().map(n -> n.get("name").text("")).toList();
    }

    private static Optional<ClusterTraffic.ActiveCheck> active(Field active) {
        if (!active.present()) {
            return Optional.empty();
        }
        return Optional.of(new ClusterTraffic.ActiveCheck(
                Durations.of(active.get("timeout"), Duration.ofSeconds(1)),
                Durations.of(active.get("interval"), Duration.ofSeconds(3)),
                Durations.of(active.get("initialJitter"), Duration.ZERO),
                (int) active.get("unhealthyThreshold").number(3),
                (int) active.get("healthyThreshold").number(1),
                (int) active.at("overrides.port").number(0),
                probe(active),
                log(active.get("healthCheckLog"))));
    }

    /** Of all checks, on standard output, where nothing narrower is said. */
    private static Optional<ClusterTraffic.CheckLog> log(Field log) {
        if (!log.present()) {
            return Optional.empty();
        }
        Set<String> matches =
                log.get("matches").items().stream().map(m -> m.text("")).collect(Collectors.toSet());
        return Optional.of(new ClusterTraffic.CheckLog(
                log.get("sinks").items().stream()
                        .flatMap(s -> s.at("file.path").text().stream())
                        .findFirst()
                        .orElse("/dev/stdout"),
                matches.isEmpty() || matches.contains("Failure"),
                matches.isEmpty() || matches.contains("Success")));
    }

    private static Probe probe(Field active) {
        return switch (active.get("type").text("")) {
            case "TCP" -> new Probe.Tcp(payload(active.at("tcp.send")), payload(active.at("tcp.receive")));
            case "GRPC" -> new Probe.Grpc(active.at("grpc.service").text(""));
            default -> {
                Field http = active.get("http");
                Set<Integer> expected = numbers(http.get("expectedStatuses"));
                yield new Probe.Http(
                        http.get("hostname").text(""),
                        http.get("path").text("/"),
                        http.get("method").text("GET"),
                        expected.isEmpty() ? Set.of(200) : expected,
                        numbers(http.get("retriableStatuses")),
                        payload(http.get("expectedResponse")),
                        payload(http.get("requestBody")));
            }
        };
    }

    private static Set<Integer> numbers(Field list) {
        return list.items().stream().map(n -> (int) n.number(0)).collect(Collectors.toSet());
    }

    /** As hexadecimal text. */
    private static String payload(Field payload) {
        byte[] octets = payload.get("type").text("Text").equals("Binary")
                ? binary(payload.get("binary").text(""))
                : payload.get("text").text("").getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(octets);
    }

    private static byte[] binary(String base64) {
        try {
            return Base64.getMimeDecoder().decode(base64);
        } catch (IllegalArgumentException notBase64) {
            return new byte[0]; // which the reading of the field has said
        }
    }

    private static Optional<ClusterTraffic.PassiveCheck> passive(Field passive) {
        if (!passive.present()) {
            return Optional.empty();
        }
        return Optional.of(new ClusterTraffic.PassiveCheck(
                passive.get("splitExternalLocalOriginErrors").flag(false),
                (int) passive.get("consecutive5XxErrors").number(5),
                (int) passive.get("consecutiveGatewayErrors").number(0),
                (int) passive.get("consecutiveLocalOriginFailures").number(5),
                (int) passive.get("failurePercentageThreshold").number(0),
                Durations.of(passive.get("interval"), Duration.ofSeconds(3)),
                Durations.of(passive.get("baseEjectionTime"), Duration.ofSeconds(30)),
                (int) passive.get("maxEjectionPercent").number(10),
                passive.get("alwaysEjectOneEndpoint").flag(false)));
    }

    private static Optional<ClusterTraffic.RetryBudget> budget(Field budget) {
        if (!budget.present()) {
            return Optional.empty();
        }
        Field percent = budget.get("percent");
        return Optional.of(new ClusterTraffic.RetryBudget(
                100.0
                        * percent.get("numerator").number(0)
                        / Math.max(1, percent.get("denominator").number(100)),
                (int) budget.get("minRetryConcurrency").number(3)));
    }

    private static ClusterTraffic.Dns dns(Field dns) {
        ClusterTraffic.Family family = switch (dns.get("lookupFamily").text("")) {
            case "IPv4" -> ClusterTraffic.Family.IPV4;
            case "IPv6" -> ClusterTraffic.Family.IPV6;
            case "IPv4Preferred" -> ClusterTraffic.Family.IPV4_PREFERRED;
            case "IPv6Preferred" -> ClusterTraffic.Family.IPV6_PREFERRED;
            default -> ClusterTraffic.Family.ANY;
        };
        return new ClusterTraffic.Dns(
                family,
                dns.get("respectDnsTtl").flag(true)
                        ? Duration.ZERO
                        : Durations.of(dns.get("dnsRefreshRate"), Duration.ofSeconds(30)));
    }

    private static Optional<ClusterTraffic.PingUpstream> ping(Field keepalive) {
        Duration interval = Durations.of(keepalive.get("interval"), Duration.ZERO);
        Duration idle = Durations.of(keepalive.get("idleInterval"), Duration.ZERO);
        return interval.isZero() && idle.isZero()
                ? Optional.empty()
                : Optional.of(new ClusterTraffic.PingUpstream(
                        interval,
                        idle,
                        (int) keepalive.get("intervalJitter").number(15),
                        Durations.of(keepalive.get("timeout"), Duration.ofSeconds(15))));
    }

    private static Optional<ClusterTraffic.Preconnect> preconnect(Field preconnect) {
        int perEndpoint = (int) preconnect.get("perEndpointPercent").number(100);
        int predictive = (int) preconnect.get("predictivePercent").number(100);
        return perEndpoint <= 100 && predictive <= 100
                ? Optional.empty()
                : Optional.of(new ClusterTraffic.Preconnect(perEndpoint, predictive));
    }
}
