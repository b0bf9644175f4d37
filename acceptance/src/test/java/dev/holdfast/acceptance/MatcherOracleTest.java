package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.match.RequestView;
import dev.holdfast.plan.match.RouteTable;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * From manifests to the route that serves a request, beside an oracle that knows neither plan nor table: it tries every
 * match of every HTTPRoute in the words of the Gateway API (HTTPRouteSpec.hostnames, HTTPRouteRule.matches) and takes the
 * best.
 */
final class MatcherOracleTest {
    private static final int WORLDS = 40;
    private static final int ROUTES = 14;
    private static final int REQUESTS = 60;

    private static final List<String> HOSTS = List.of("a.test", "b.a.test", "c.b.a.test", "d.test");
    private static final List<String> HOSTNAMES =
            List.of("a.test", "b.a.test", "*.a.test", "*.b.a.test", "*.test", "d.test");
    private static final List<String> SEGMENTS = List.of("a", "b", "ab");
    private static final List<String> METHODS = List.of("GET", "POST");

    /** A match as the manifest has it; empty texts and maps ask nothing. */
    private record Wish(
            String type, String path, String method, Map<String, String> headers, Map<String, String> params) {
        boolean fits(Request request) {
            boolean path = switch (type) {
                case "Exact" -> request.path.equals(this.path);
                case "RegularExpression" -> request.path.matches(this.path);
                default -> begins(elements(request.path), elements(this.path.replaceAll("/$", "")));
            };
            return path
                    && (method.isEmpty() || method.equals(request.method))
                    && request.headers.entrySet().containsAll(headers.entrySet())
                    && request.params.entrySet().containsAll(params.entrySet());
        }

        private static List<String> elements(String path) {
            return Arrays.asList(path.split("/", -1));
        }

        private static boolean begins(List<String> path, List<String> prefix) {
            return path.size() >= prefix.size()
                    && path.subList(0, prefix.size()).equals(prefix);
        }

        String yaml() {
            return "{path: {type: " + type + ", value: '" + path + "'}"
                    + (method.isEmpty() ? "" : ", method: " + method)
                    + list("headers", headers)
                    + list("queryParams", params) + "}";
        }

        private static String list(String field, Map<String, String> values) {
            return values.entrySet().stream()
                    .map(e -> "{name: " + e.getKey() + ", value: " + e.getValue() + "}")
                    .collect(Collectors.joining(", ", ", " + field + ": [", "]"));
        }
    }

    private record Request(
            String host, String method, String path, Map<String, String> headers, Map<String, String> params) {}

    private record Written(String name, String created, List<String> hostnames, List<List<Wish>> rules) {
        String yaml() {
            return "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: " + name
                    + ", creationTimestamp: '" + created + "'}, spec: {parentRefs: [{name: gw}]"
                    + (hostnames.isEmpty() ? "" : ", hostnames: ['" + String.join("', '", hostnames) + "']")
                    + ", rules: ["
                    + rules.stream()
                            .map(r ->
                                    "{matches: [" + r.stream().map(Wish::yaml).collect(Collectors.joining(", ")) + "]}")
                            .collect(Collectors.joining(", "))
                    + "]}}\n";
        }
    }

    static IntStream seeds() {
        return IntStream.range(0, WORLDS);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void theRouteIsTheOneThatTheGatewayApisWordsChoose(int seed) {
        Random random = new Random(seed);
        List<Written> routes =
                IntStream.range(0, ROUTES).mapToObj(i -> route(random, i)).toList();
        RouteTable table = new RouteTable(plan(routes).listeners().getFirst().virtualHosts());
        Set<String> answers = new HashSet<>();
        for (int i = 0; i < REQUESTS; i++) {
            Request request = request(random);
            Route found = table.match(
                    request.host,
                    RequestView.of(
                            request.method,
                            request.path,
                            request.params.entrySet().stream()
                                    .map(p -> p.getKey() + "=" + p.getValue())
                                    .collect(Collectors.joining("&")),
                            List.copyOf(request.headers.entrySet())));
            String answer = found == null ? "none" : found.id();
            answers.add(answer);
            assertThat(answer)
                    .as("seed %d, %s among %s", seed, request, routes)
                    .isEqualTo(oracle(routes, request).orElse("none"));
        }
        assertThat(answers).as("so that there was something to choose").hasSizeGreaterThan(3);
    }

    private static Plan plan(List<Written> routes) {
        ReadResult read = ManifestReader.readText(
                "routes.yaml", """
                {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw},
                  spec: {gatewayClassName: holdfast, listeners: [{name: http, port: 80, protocol: HTTP}]}}
                """ + routes.stream().map(Written::yaml).collect(Collectors.joining()));
        assertThat(read.problems()).isEmpty();
        return Translator.translate(read.resources(), TranslateOptions.NONE);
    }

    /** First the most specific host name, then the best of all matches of its routes. */
    private static Optional<String> oracle(List<Written> routes, Request request) {
        int named = routes.stream()
                .flatMap(r -> hostnames(r).stream())
                .mapToInt(h -> covers(h, request.host))
                .max()
                .orElse(0);
        String best = null;
        List<Integer> bestRank = List.of();
        for (Written route : byAge(routes)) {
            if (named == 0 || hostnames(route).stream().noneMatch(h -> covers(h, request.host) == named)) {
                continue;
            }
            for (int rule = 0; rule < route.rules.size(); rule++) {
                for (int match = 0; match < route.rules.get(rule).size(); match++) {
                    Wish wish = route.rules.get(rule).get(match);
                    // Of equals the first stays: the older route, the earlier rule, the earlier match.
                    if (wish.fits(request) && (best == null || better(rank(wish), bestRank))) {
                        best = "default/" + route.name + "/" + rule + "/" + match;
                        bestRank = rank(wish);
                    }
                }
            }
        }
        return Optional.ofNullable(best);
    }

    private static List<String> hostnames(Written route) {
        return route.hostnames.isEmpty() ? List.of("*") : route.hostnames;
    }

    private static List<Written> byAge(List<Written> routes) {
        Map<String, Written> sorted = new TreeMap<>();
        routes.forEach(r -> sorted.put(r.created + " " + r.name, r));
        return List.copyOf(sorted.values());
    }

    /** How closely a host name covers a host, 0 for not at all. */
    private static int covers(String hostname, String host) {
        if (hostname.equals(host)) {
            return 1000;
        }
        return hostname.equals("*")
                ? 1
                : hostname.startsWith("*") && host.endsWith(hostname.substring(1)) ? hostname.length() : 0;
    }

    private static List<Integer> rank(Wish wish) {
        return List.of(
                wish.type.equals("Exact") ? 2 : wish.type.equals("RegularExpression") ? 1 : 0,
                wish.path.equals("/") && wish.type.equals("PathPrefix") ? 0 : wish.path.length(),
                wish.method.isEmpty() ? 0 : 1,
                wish.headers.size(),
                wish.params.size());
    }

    private static boolean better(List<Integer> rank, List<Integer> other) {
        for (int i = 0; i < rank.size(); i++) {
            if (!rank.get(i).equals(other.get(i))) {
                return rank.get(i) > other.get(i);
            }
        }
        return false;
    }

    private static Written route(Random random, int index) {
        Set<String> hostnames = new HashSet<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            hostnames.add(one(random, HOSTNAMES));
        }
        List<List<Wish>> rules = new ArrayList<>();
        for (int r = random.nextInt(2); r >= 0; r--) {
            rules.add(IntStream.rangeClosed(0, random.nextInt(2))
                    .mapToObj(m -> wish(random))
                    .toList());
        }
        return new Written(
                "r" + index, "2026-01-0" + (1 + random.nextInt(3)) + "T00:00:00Z", List.copyOf(hostnames), rules);
    }

    private static Wish wish(Random random) {
        String type = one(random, List.of("Exact", "PathPrefix", "PathPrefix", "RegularExpression"));
        String path = type.equals("RegularExpression")
                ? one(random, List.of("/a.*", "/[ab]+", "/(a|b)/.*", "/.*b"))
                : path(random, 2);
        return new Wish(
                type, path, random.nextInt(3) == 0 ? one(random, METHODS) : "", values(random, 4), values(random, 4));
    }

    private static Request request(Random random) {
        return new Request(
                one(random, HOSTS), one(random, METHODS), path(random, 3), values(random, 2), values(random, 2));
    }

    private static String path(Random random, int longest) {
        StringBuilder out = new StringBuilder("/");
        for (int i = random.nextInt(longest + 1); i > 0; i--) {
            out.append(one(random, SEGMENTS)).append(i > 1 || random.nextInt(4) == 0 ? "/" : "");
        }
        return out.toString();
    }

    /** One of {@code rarely} times a value. */
    private static Map<String, String> values(Random random, int rarely) {
        Map<String, String> out = new TreeMap<>();
        for (String name : List.of("x", "y")) {
            if (random.nextInt(rarely) == 0) {
                out.put(name, one(random, List.of("v", "w")));
            }
        }
        return out;
    }

    private static String one(Random random, List<String> of) {
        return of.get(random.nextInt(of.size()));
    }
}
