package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A translator that is kept gives, after any edits, the plan that one made from scratch gives: routes, clusters, problems,
 * statuses and origins. What is edited are the resources of the corpus, so that every kind and field we know takes part.
 */
final class IncrementalTest {
    private static final int RUNS = 60;
    private static final int EDITS = 25;
    private static final int CASES_AT_ONCE = 3;
    private static final List<TranslateOptions> OPTIONS = List.of(
            new TranslateOptions(8000, Map.of()),
            TranslateOptions.NONE,
            new TranslateOptions(8000, Map.of("default/web", "127.0.0.1:9000")));

    /** The manifests there are, and what may still come. */
    private static final class World {
        private final Random random;
        private final List<Node.Mapping> pool = new ArrayList<>();
        private final List<Node.Mapping> there = new ArrayList<>();
        private final Map<String, List<Node>> values = new TreeMap<>();
        private final List<String> told = new ArrayList<>();
        private TranslateOptions options = OPTIONS.getFirst();

        World(Random random) {
            this.random = random;
            List<List<Node.Mapping>> cases = new ArrayList<>(CorpusTrees.ALL.values());
            Collections.shuffle(cases, random);
            cases.subList(0, CASES_AT_ONCE).forEach(pool::addAll);
            there.addAll(pool);
            pool.forEach(tree -> values("", tree));
        }

        /** What stands under each name anywhere in the pool. */
        private void values(String name, Node node) {
            values.computeIfAbsent(name, n -> new ArrayList<>()).add(node);
            switch (node) {
                case Node.Mapping map -> map.entries().forEach(this::values);
                case Node.Sequence list -> list.items().forEach(item -> values(name + "[]", item));
                case Node.Scalar ignored -> {}
            }
        }

        void edit() {
            switch (there.isEmpty() ? 1 : random.nextInt(9)) {
                case 0 -> told.add("removed " + name(there.remove(random.nextInt(there.size()))));
                case 1 -> {
                    Node.Mapping back = pool.get(random.nextInt(pool.size()));
                    told.add("added " + name(back));
                    there.add(back);
                }
                case 2 -> rename("namespace");
                case 3 -> rename("name");
                case 4 -> {
                    options = OPTIONS.get(random.nextInt(OPTIONS.size()));
                    told.add("options " + options);
                }
                case 5 -> {
                    there.replaceAll(tree -> (Node.Mapping) copy(tree));
                    told.add("read all anew");
                }
                default -> change(random.nextInt(there.size()));
            }
        }

        /** A copy of a resource under the name or namespace of another: it takes its place, or comes between. */
        private void rename(String field) {
            Node.Mapping tree = there.get(random.nextInt(there.size()));
            Node.Mapping other = there.get(random.nextInt(there.size()));
            if (tree.entries().get("metadata") instanceof Node.Mapping metadata
                    && other.entries().get("metadata") instanceof Node.Mapping from
                    && from.entries().containsKey(field)) {
                Node.Mapping renamed = CorpusTrees.with(
                        tree,
                        "metadata",
                        CorpusTrees.with(metadata, field, from.entries().get(field)));
                told.add(name(tree) + " copied as " + name(renamed));
                there.add(random.nextInt(there.size() + 1), renamed);
            }
        }

        private void change(int index) {
            Node.Mapping tree = there.get(index);
            Node spec = tree.entries().get("spec");
            if (spec != null) {
                there.set(index, CorpusTrees.with(tree, "spec", changed(name(tree) + " spec", "spec", spec)));
            }
        }

        /** One place of the tree with another value that has stood under this name somewhere, or without it. */
        private Node changed(String path, String name, Node node) {
            if (node instanceof Node.Mapping map && !map.entries().isEmpty() && random.nextInt(8) > 0) {
                List<String> names = List.copyOf(map.entries().keySet());
                String below = names.get(random.nextInt(names.size()));
                if (random.nextInt(6) == 0) {
                    told.add(path + "." + below + " removed");
                    return CorpusTrees.without(map, below);
                }
                return CorpusTrees.with(
                        map,
                        below,
                        changed(path + "." + below, below, map.entries().get(below)));
            }
            if (node instanceof Node.Sequence list && !list.items().isEmpty() && random.nextInt(8) > 0) {
                List<Node> items = new ArrayList<>(list.items());
                int at = random.nextInt(items.size());
                items.set(at, changed(path + "[" + at + "]", name + "[]", items.get(at)));
                return new Node.Sequence(list.position(), items);
            }
            List<Node> others = values.getOrDefault(name, List.of(node));
            Node other = others.get(random.nextInt(others.size()));
            told.add(path + " is now " + other);
            return other;
        }

        private static Node copy(Node node) {
            return switch (node) {
                case Node.Mapping map ->
                    new Node.Mapping(
                            map.position(),
                            map.entries().entrySet().stream()
                                    .collect(Collectors.toMap(
                                            Map.Entry::getKey,
                                            e -> copy(e.getValue()),
                                            (a, b) -> a,
                                            LinkedHashMap::new)));
                case Node.Sequence list ->
                    new Node.Sequence(
                            list.position(),
                            list.items().stream().map(World::copy).toList());
                case Node.Scalar scalar -> new Node.Scalar(scalar.position(), scalar.text(), scalar.type());
            };
        }

        private static String name(Node.Mapping tree) {
            return tree.entries().get("kind") instanceof Node.Scalar kind
                            && tree.entries().get("metadata") instanceof Node.Mapping metadata
                            && metadata.entries().get("name") instanceof Node.Scalar name
                    ? kind.text() + " " + name.text()
                    : "a resource";
        }

        ReadResult read() {
            return ManifestReader.readTrees(there);
        }
    }

    static IntStream seeds() {
        return IntStream.range(0, RUNS);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void afterAnyEditsThePlanIsTheOneMadeFromScratch(int seed) {
        World world = new World(new Random(seed));
        Translator kept = new Translator();
        Translator following = new Translator();
        ResourceSet followed = new ResourceSet(List.of(), List.of());
        for (int i = 0; i < EDITS; i++) {
            ResourceSet set = world.read().resources();
            followed = changed(followed, set);
            assertThat(followed.resources()).isEqualTo(set.resources());
            assertThat(following.translateAgain(followed, world.options))
                    .as("set made of the one before, seed %s after %s", seed, world.told)
                    .isEqualTo(Translator.translate(set, world.options));
            Plan scratch = Translator.translate(set, world.options);
            Plan again = kept.translateAgain(set, world.options);
            String told = "seed " + seed + " after " + world.told;
            assertThat(again.problems()).as(told).isEqualTo(scratch.problems());
            assertThat(again.outcomes()).as(told).isEqualTo(scratch.outcomes());
            assertThat(again.clusters()).as(told).isEqualTo(scratch.clusters());
            assertThat(again).as(told).isEqualTo(scratch);
            List<Resource> shuffled = new ArrayList<>(set.resources());
            Collections.shuffle(shuffled, world.random);
            assertThat(kept.translateAgain(new ResourceSet(shuffled, set.problems()), world.options))
                    .as("shuffled, " + told)
                    .isEqualTo(scratch);
            world.edit();
        }
    }

    /** {@code to}, made of {@code from} as a reader of files makes it. */
    private static ResourceSet changed(ResourceSet from, ResourceSet to) {
        Set<Resource> before = new HashSet<>(from.resources());
        Set<Resource> after = new HashSet<>(to.resources());
        return from.with(
                from.resources().stream().filter(r -> !after.contains(r)).toList(),
                to.resources().stream().filter(r -> !before.contains(r)).toList(),
                to.problems());
    }

    static Stream<String> cases() {
        return CorpusTrees.ALL.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aResourceThatGoesAndComesBackLeavesNothingBehind(String folder) {
        List<Node.Mapping> all = CorpusTrees.ALL.get(folder);
        Translator kept = new Translator();
        for (int i = 0; i < all.size(); i++) {
            List<Node.Mapping> rest = new ArrayList<>(all);
            Node.Mapping gone = rest.remove(i);
            for (List<Node.Mapping> there : List.of(all, rest)) {
                ResourceSet set = ManifestReader.readTrees(there).resources();
                assertThat(kept.translateAgain(set, OPTIONS.getFirst()))
                        .as("without %s: %s", World.name(gone), there == rest)
                        .isEqualTo(Translator.translate(set, OPTIONS.getFirst()));
            }
        }
    }

    private static final String TWO_LISTENERS = """
            {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw}, spec: {gatewayClassName: holdfast,
              listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: one}, spec: {ports: [{port: 80}]}}
            ---
            {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: one},
              spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: one, port: 80}]}]}}
            """;

    private static String ofListenerA(String kind, String spec) {
        return TWO_LISTENERS
                + """
                ---
                {apiVersion: %s/v1alpha1, kind: %s, metadata: {name: p}, spec: {targetRefs: [{group: gateway.networking.k8s.io,
                  kind: Gateway, name: gw, sectionName: a}], %s}}
                """.formatted(kind.equals("StreamPolicy") ? "holdfast.dev" : "gateway.envoyproxy.io", kind, spec);
    }

    /** A route under two listeners, before and after what concerns it but stands elsewhere. */
    static Stream<List<String>> changesElsewhere() {
        return Stream.of(
                List.of(
                        "the other listener's cluster is another",
                        TWO_LISTENERS,
                        ofListenerA("BackendTrafficPolicy", "circuitBreaker: {maxConnections: 7}")),
                List.of(
                        "a listener's streams have limits",
                        TWO_LISTENERS,
                        ofListenerA("StreamPolicy", "limits: {perRoute: 5}")),
                List.of(
                        "no listener is left",
                        TWO_LISTENERS,
                        TWO_LISTENERS.replace("protocol: HTTP", "protocol: example.com/other")),
                List.of("a port has moved", TWO_LISTENERS, TWO_LISTENERS.replace("port: 81", "port: 8081")),
                List.of("a listener has gone", TWO_LISTENERS, TWO_LISTENERS.replace(", {name: b", ", {name: c")));
    }

    @ParameterizedTest
    @MethodSource("changesElsewhere")
    void aChangeElsewhereArrives(List<String> change) {
        Translator kept = new Translator();
        for (String yaml : List.of(change.get(1), change.get(2), change.get(1))) {
            assertThat(plan(kept, yaml)).as(change.getFirst()).isEqualTo(plan(new Translator(), yaml));
        }
        assertThat(plan(kept, change.get(1))).isNotEqualTo(plan(kept, change.get(2)));
    }

    @Test
    void everyKindTakesPart() {
        assertThat(CorpusTrees.ALL.values().stream()
                        .flatMap(List::stream)
                        .map(tree -> ((Node.Scalar) tree.entries().get("kind")).text())
                        .collect(Collectors.toSet()))
                .contains(
                        "GatewayClass",
                        "Gateway",
                        "ListenerSet",
                        "HTTPRoute",
                        "GRPCRoute",
                        "TLSRoute",
                        "TCPRoute",
                        "UDPRoute",
                        "ReferenceGrant",
                        "BackendTLSPolicy",
                        "Backend",
                        "HTTPRouteFilter",
                        "ClientTrafficPolicy",
                        "BackendTrafficPolicy",
                        "SecurityPolicy",
                        "StreamPolicy",
                        "Service",
                        "EndpointSlice",
                        "Secret",
                        "ConfigMap",
                        "Namespace");
    }

    private static final String TWO_ROUTES = """
            {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw},
              spec: {gatewayClassName: holdfast, listeners: [{name: http, port: 80, protocol: HTTP}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: one}, spec: {ports: [{port: 80}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: two}, spec: {ports: [{port: 80, name: http}]}}
            ---
            {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: one},
              spec: {parentRefs: [{name: gw}], hostnames: [one.test], rules: [{backendRefs: [{name: one, port: 80}]}]}}
            ---
            {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: two},
              spec: {parentRefs: [{name: gw}], hostnames: [two.test], rules: [{backendRefs: [{name: two, port: 80}]}]}}
            """;

    /** Else the tests above would hold of a translator that begins anew each time. */
    @Test
    void aRouteIsTheVerySameWhereNothingItDependsOnHasChanged() {
        Translator kept = new Translator();
        Plan before = plan(kept, TWO_ROUTES);
        Plan after = plan(
                kept,
                TWO_ROUTES.replace("{port: 80, name: http}", "{port: 80, name: web, appProtocol: kubernetes.io/ws}"));
        assertThat(route(after, "one.test")).isSameAs(route(before, "one.test"));
        assertThat(after.clusters().get("default/one/0/0"))
                .isSameAs(before.clusters().get("default/one/0/0"));
        assertThat(after.clusters().get("default/two/0/0"))
                .isNotEqualTo(before.clusters().get("default/two/0/0"));
        assertThat(after.outcomes()).isEqualTo(before.outcomes());
    }

    private static Plan plan(Translator translator, String yaml) {
        return translator.translateAgain(
                ManifestReader.readText("routes.yaml", yaml).resources(), TranslateOptions.NONE);
    }

    private static Route route(Plan plan, String host) {
        return plan.listeners().getFirst().virtualHosts().stream()
                .filter(h -> h.hostname().equals(host))
                .findFirst()
                .orElseThrow()
                .routes()
                .getFirst();
    }
}
