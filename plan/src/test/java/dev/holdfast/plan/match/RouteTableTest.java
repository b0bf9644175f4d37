package dev.holdfast.plan.match;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RouteTableTest {
    private static final Origin ORIGIN = new Origin(new ResourceRef("", "HTTPRoute", "d", "r"), "", Optional.empty());

    private static Route route(String id, Route.PathMatch path) {
        return route(id, path, "");
    }

    private static Route route(String id, Route.PathMatch path, String method) {
        return new Route(
                id,
                "d/r",
                new Route.Match(path, method, List.of(), List.of()),
                new Route.Action.Respond(200, "", ""),
                List.of(),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of(),
                dev.holdfast.plan.StreamRules.DEFAULT,
                ORIGIN);
    }

    private static Route tunnel(String id, Route.Action action, List<Route.ValueMatch> headers) {
        return new Route(
                id,
                "d/r",
                new Route.Match(new Route.PathMatch.Exact("/pages"), "", headers, List.of()),
                action,
                List.of(),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of(),
                Optional.of(new Route.Connect(true)),
                dev.holdfast.plan.StreamRules.DEFAULT,
                List.of(),
                dev.holdfast.plan.RouteTraffic.NONE,
                Optional.empty(),
                dev.holdfast.plan.Telemetry.Statistics.NONE,
                ORIGIN);
    }

    private static RouteTable table(String host, Route... routes) {
        return new RouteTable(List.of(new VirtualHost(host, List.of(routes))));
    }

    private static RequestView get(String path) {
        return RequestView.of("GET", path, "", List.of());
    }

    @Test
    void aConnectIsOfTheFirstRouteThatOpensTunnelsWhateverItsPath() {
        Route.Action forward = new Route.Action.Forward(List.of(new Route.Destination("c", 1, 0, List.of())));
        RouteTable table = table(
                "*",
                route("any", new Route.PathMatch.Prefix("/")),
                tunnel("answers", new Route.Action.Respond(200, "", ""), List.of()),
                tunnel("asks", forward, List.of(new Route.ValueMatch("x-who", "me", false))),
                tunnel("opens", forward, List.of()));
        RequestView connect = new RequestView() {
            @Override
            public String method() {
                return "CONNECT";
            }

            @Override
            public boolean connects() {
                return true;
            }

            @Override
            public String path() {
                return "";
            }

            @Override
            public String query() {
                return "";
            }

            @Override
            public @Nullable String header(String name) {
                return null;
            }
        };
        assertThat(table.match("h", connect)).extracting(Route::id).isEqualTo("opens");
        assertThat(table.match("h", get("/pages"))).extracting(Route::id).isEqualTo("any");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/(a+)+b", "/(a|a)*b", "/(a|b)*c", "/(.*)*x"})
    void noPathMakesAnExpressionTakeForEver(String expression) {
        RouteTable table = table("*", route("slow", new Route.PathMatch.Regex(expression)));
        assertThat(table.match("h", get("/" + "a".repeat(16_000)))).isNull();
    }

    @Test
    void anOrdinaryExpressionOfALongPathStillMatches() {
        RouteTable table = table("*", route("fine", new Route.PathMatch.Regex("/[a-z]+/\\d+")));
        assertThat(table.match("h", get("/" + "a".repeat(8_000) + "/123"))).isNotNull();
    }

    /** The naive reading of "the most specific host decides": every host compared, the longest that fits. */
    @Test
    void hostsAreChosenAsANaiveOracleChoosesThem() {
        Random random = new Random(11);
        List<String> labels = List.of("a", "b", "c");
        for (int round = 0; round < 500; round++) {
            List<VirtualHost> hosts = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                String name = random.nextInt(6) == 0 ? "*" : (random.nextBoolean() ? "*." : "") + host(random, labels);
                if (hosts.stream().noneMatch(h -> h.hostname().equals(name))) {
                    hosts.add(new VirtualHost(name, List.of(route(name, new Route.PathMatch.Prefix("/")))));
                }
            }
            String asked = host(random, labels);
            String expected = hosts.stream()
                    .map(VirtualHost::hostname)
                    .filter(h ->
                            h.equals("*") || h.equals(asked) || (h.startsWith("*.") && asked.endsWith(h.substring(1))))
                    .max(java.util.Comparator.comparingInt(
                            h -> h.equals("*") ? 0 : h.equals(asked) ? 1000 : h.length()))
                    .orElse("none");
            Route found = new RouteTable(hosts).match(asked, get("/"));
            assertThat(found == null ? "none" : found.id())
                    .as("%s among %s", asked, hosts)
                    .isEqualTo(expected);
        }
    }

    /** The naive reading of "the first that holds": each asked in turn, by Gateway API's words for a path. */
    @Test
    void routesAreChosenByPathAsANaiveOracleChoosesThem() {
        Random random = new Random(12);
        Map<Class<?>, Integer> kinds = new HashMap<>();
        for (int round = 0; round < 2_000; round++) {
            List<Route> routes = new ArrayList<>();
            for (int i = random.nextInt(12); i >= 0; i--) {
                routes.add(route("r" + i, anyPath(random), random.nextInt(3) == 0 ? "POST" : ""));
            }
            RouteTable table = table("*", routes.toArray(Route[]::new));
            for (int ask = 0; ask < 5; ask++) {
                String path = random.nextInt(20) == 0 ? "*" : path(random);
                String method = random.nextBoolean() ? "POST" : "GET";
                Route expected = routes.stream()
                        .filter(r -> r.match().method().isEmpty()
                                || r.match().method().equals(method))
                        .filter(r -> holds(r.match().path(), path))
                        .findFirst()
                        .orElse(null);
                assertThat(table.match("h", RequestView.of(method, path, "", List.of())))
                        .as("%s %s among %s", method, path, routes)
                        .isSameAs(expected);
                kinds.merge(
                        expected == null ? Void.class : expected.match().path().getClass(), 1, Integer::sum);
            }
        }
        assertThat(kinds.values())
                .as("each kind decides, and none does")
                .hasSize(4)
                .allMatch(n -> n > 300);
    }

    /** Or whoever asks for a page that is found at once would have every condition below "/" tried. */
    @Test
    void whatStandsBehindTheRouteThatHoldsIsNotAsked() {
        List<Route> routes = new ArrayList<>(List.of(route("page", new Route.PathMatch.Prefix("/page"))));
        for (int i = 0; i < 50; i++) {
            routes.add(route("r" + i, new Route.PathMatch.Prefix("/"), "POST"));
        }
        int[] asked = {0};
        RequestView page = get("/page/1");
        RequestView counting = new RequestView() {
            @Override
            public String method() {
                asked[0]++;
                return page.method();
            }

            @Override
            public String path() {
                return page.path();
            }

            @Override
            public String query() {
                return page.query();
            }

            @Override
            public @Nullable String header(String name) {
                return page.header(name);
            }
        };
        assertThat(table("*", routes.toArray(Route[]::new)).match("h", counting))
                .extracting(Route::id)
                .isEqualTo("page");
        assertThat(asked[0]).isZero();
    }

    private static boolean holds(Route.PathMatch match, String path) {
        return switch (match) {
            case Route.PathMatch.Exact(String whole) -> path.equals(whole);
            case Route.PathMatch.Prefix(String prefix) -> {
                String bare = prefix.replaceFirst("/$", "");
                yield bare.isEmpty() || path.equals(bare) || path.startsWith(bare + "/");
            }
            case Route.PathMatch.Regex(String expression) -> path.matches(expression);
        };
    }

    private static Route.PathMatch anyPath(Random random) {
        String path = path(random);
        return switch (random.nextInt(5)) {
            case 0, 1 -> new Route.PathMatch.Exact(path);
            case 2, 3 -> new Route.PathMatch.Prefix(path);
            default -> new Route.PathMatch.Regex(path + "[a-c]?");
        };
    }

    /** Up to three segments that collide often, some by hash ("Aa" and "BB"), with empty ones and a slash at the end among them. */
    private static String path(Random random) {
        List<String> segments = List.of("a", "ab", "Aa", "BB", "");
        StringBuilder out = new StringBuilder();
        for (int i = random.nextInt(4); i > 0; i--) {
            out.append('/').append(segments.get(random.nextInt(segments.size())));
        }
        return out.isEmpty() ? "/" : out.toString();
    }

    private static String host(Random random, List<String> labels) {
        StringBuilder out = new StringBuilder(labels.get(random.nextInt(3)));
        for (int i = random.nextInt(3); i >= 0; i--) {
            out.append('.').append(labels.get(random.nextInt(3)));
        }
        return out.toString();
    }
}
