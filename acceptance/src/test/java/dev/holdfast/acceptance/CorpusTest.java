package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.dataplane.DataPlane;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.match.RequestView;
import dev.holdfast.plan.match.RouteTable;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.testkit.conversation.Http1Client;
import dev.holdfast.testkit.fakes.TellingBackend;
import dev.holdfast.testkit.golden.Golden;
import dev.holdfast.testkit.golden.PlanText;
import dev.holdfast.testkit.golden.StatusText;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/**
 * Each folder of corpus/ is a claim: manifests, the plan and problems they give, and requests with where they must go.
 * Requests are asked of the matcher alone and of a live gateway, and both must agree.
 */
final class CorpusTest {
    /** The corpus's certificates are good for years after it. */
    private static final Instant TODAY = Instant.parse("2026-12-01T00:00:00Z");

    private static final Path CORPUS = Path.of("..", "corpus");
    static final TranslateOptions OPTIONS = new TranslateOptions(8000, Map.of()).in("zone-a");

    @TestFactory
    Stream<DynamicTest> translates() throws IOException {
        return cases().map(folder -> DynamicTest.dynamicTest(name(folder), () -> {
            ReadResult read = read(folder);
            Plan plan = Translator.translate(read.resources(), OPTIONS);
            Golden.check(folder.resolve("plan.yaml"), PlanText.of(plan));
            Golden.check(folder.resolve("status.yaml"), StatusText.of(plan));
            Golden.check(
                    folder.resolve("problems.txt"),
                    Stream.concat(read.problems().stream(), plan.problems().stream())
                            .map(p -> p.render() + "\n")
                            .collect(Collectors.joining()));
            Golden.check(
                    folder.resolve("lints.txt"),
                    Lints.look(read.resources(), plan, TODAY).stream()
                            .map(p -> p.render() + "\n")
                            .collect(Collectors.joining()));
        }));
    }

    @TestFactory
    Stream<DynamicTest> orderOfInputNeverMatters() throws IOException {
        return cases().map(folder -> DynamicTest.dynamicTest(name(folder), () -> {
            ResourceSet set = read(folder).resources();
            Plan plan = Translator.translate(set, OPTIONS);
            Random random = new Random(7);
            for (int i = 0; i < 5; i++) {
                List<dev.holdfast.resource.Resource> shuffled = new ArrayList<>(set.resources());
                Collections.shuffle(shuffled, random);
                Plan other = Translator.translate(new ResourceSet(shuffled, set.problems()), OPTIONS);
                assertThat(other).isEqualTo(plan);
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> requestsGoWhereTheMatcherSays() throws IOException {
        return cases().filter(f -> Files.exists(f.resolve("requests.yaml")))
                .map(folder -> DynamicTest.dynamicTest(name(folder), () -> {
                    Plan plan = Translator.translate(read(folder).resources(), OPTIONS);
                    for (Asked asked : requests(folder)) {
                        assertThat(matched(plan, asked))
                                .as("%s by the matcher", asked.line)
                                .isEqualTo(asked.route);
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> requestsGoWhereALiveGatewaySendsThem() throws IOException {
        return cases().filter(f -> Files.exists(f.resolve("requests.yaml")))
                .map(folder -> DynamicTest.dynamicTest(name(folder), () -> live(folder)));
    }

    private static void live(Path folder) throws IOException {
        Plan plan = Translator.translate(read(folder).resources(), OPTIONS);
        List<TellingBackend> backends = new ArrayList<>();
        Map<Integer, Integer> ports = new HashMap<>();
        try (DataPlane plane = new DataPlane(new SimpleMeterRegistry(), AccessLog.off(), 1)) {
            Applied applied = plane.apply(onThisMachine(plan, backends, ports));
            assertThat(applied.problems()).isEmpty();
            for (Asked asked : requests(folder)) {
                ask(asked, ports);
            }
        } finally {
            backends.forEach(TellingBackend::close);
        }
    }

    static void ask(Asked asked, Map<Integer, Integer> ports) throws IOException {
        int port = ports.get(asked.port());
        try (Http1Client client = asked.tls()
                ? Http1Client.tls(port, Optional.of(asked.sni), List.of("http/1.1"))
                : Http1Client.plain(port)) {
            StringBuilder text = new StringBuilder(
                    asked.method + " " + asked.target() + " HTTP/1.1\r\nhost: " + asked.uri.getRawAuthority() + "\r\n");
            asked.headers.forEach(
                    (k, v) -> text.append(k).append(": ").append(v).append("\r\n"));
            client.send(text.append("\r\n").toString());
            Http1Client.Answer answer = client.answer(asked.method.equals("HEAD"));
            assertThat(answer.status())
                    .as("%s: status, with %s", asked.line, answer)
                    .isEqualTo(asked.status);
            if (!asked.backend.isEmpty()) {
                assertThat(answer.headers()).as(asked.line).containsEntry("x-backend", asked.backend);
            }
            asked.answers.forEach((k, v) -> assertThat(answer.headers().getOrDefault(k, "(none)"))
                    .as("%s: response header %s", asked.line, k)
                    .isEqualTo(v));
            if (!asked.seesLine.isEmpty()) {
                assertThat(answer.body().lines().findFirst().orElse(""))
                        .as(asked.line)
                        .isEqualTo(asked.seesLine);
            }
            Map<String, String> seen = new HashMap<>();
            answer.body()
                    .lines()
                    .skip(1)
                    .filter(l -> l.contains(":"))
                    .forEach(l -> seen.merge(
                            l.substring(0, l.indexOf(':')).toLowerCase(Locale.ROOT),
                            l.substring(l.indexOf(':') + 1).strip(),
                            (a, b) -> a + "," + b));
            asked.sees.forEach((k, v) -> assertThat(seen.getOrDefault(k, "(none)"))
                    .as("%s: request header %s at the backend", asked.line, k)
                    .isEqualTo(v));
        }
    }

    /** The same plan on free ports, each cluster a backend of its own that tells its name. */
    static Plan onThisMachine(Plan plan, List<TellingBackend> backends, Map<Integer, Integer> ports)
            throws IOException {
        Map<String, Cluster> clusters = new HashMap<>();
        for (Cluster cluster : plan.clusters().values()) {
            TellingBackend backend = new TellingBackend(cluster.name());
            backends.add(backend);
            List<Cluster.Endpoint> endpoints = cluster.endpoints().isEmpty()
                    ? List.of()
                    : List.of(new Cluster.Endpoint("127.0.0.1", backend.port()));
            clusters.put(
                    cluster.name(),
                    new Cluster(
                            cluster.name(),
                            endpoints,
                            cluster.protocol(),
                            cluster.useClientProtocol(),
                            Optional.empty(),
                            cluster.breaker(),
                            cluster.maxStreams(),
                            false,
                            cluster.tcpKeepalive(),
                            cluster.connectTimeout(),
                            cluster.idleTimeout(),
                            cluster.maxConnectionDuration(),
                            cluster.http2(),
                            cluster.traffic(),
                            cluster.origin()));
        }
        return new Plan(onFreePorts(plan.listeners(), ports), clusters, List.of());
    }

    /** The same plan, relays and patches too, where nothing else listens. */
    static Plan onFreePorts(Plan plan) throws IOException {
        Map<Integer, Integer> ports = new HashMap<>();
        List<Listener> http = onFreePorts(plan.listeners(), ports);
        List<L4Listener> l4 = new ArrayList<>();
        for (L4Listener listener : plan.l4()) {
            if (!ports.containsKey(listener.port())) {
                ports.put(listener.port(), free());
            }
            l4.add(new L4Listener(
                    listener.name(),
                    listener.port(),
                    ports.get(listener.port()),
                    listener.layer(),
                    listener.hostname(),
                    listener.connection(),
                    listener.routes(),
                    listener.origin()));
        }
        return new Plan(http, l4, plan.clusters(), List.of(), List.of(), plan.provenance(), plan.patches());
    }

    private static List<Listener> onFreePorts(List<Listener> all, Map<Integer, Integer> ports) throws IOException {
        List<Listener> listeners = new ArrayList<>();
        for (Listener listener : all) {
            if (!ports.containsKey(listener.port())) {
                ports.put(listener.port(), free());
            }
            listeners.add(listener.at(ports.get(listener.port())));
        }
        return listeners;
    }

    private static int free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static String matched(Plan plan, Asked asked) {
        String host = asked.uri.getHost().toLowerCase(Locale.ROOT);
        Listener best = listener(plan, asked.port(), host);
        // A connection is its listener's: what belongs to another is misdirected.
        if (best == null || (asked.tls() && best != listener(plan, asked.port(), asked.sni))) {
            return "none";
        }
        List<Map.Entry<String, String>> headers = List.copyOf(asked.headers.entrySet());
        String query = Optional.ofNullable(asked.uri.getRawQuery()).orElse("");
        Route route = new RouteTable(best.virtualHosts())
                .match(host, RequestView.of(asked.method, asked.uri.getRawPath(), query, headers));
        return route == null ? "none" : route.id();
    }

    private static Listener listener(Plan plan, int port, String host) {
        Listener best = null;
        for (Listener listener : plan.listeners()) {
            boolean here = listener.port() == port && covers(listener, host);
            if (here && (best == null || specificity(listener) > specificity(best))) {
                best = listener;
            }
        }
        return best;
    }

    private static boolean covers(Listener listener, String host) {
        String name = listener.hostname().orElse("");
        return name.isEmpty() || name.equals(host) || (name.startsWith("*.") && host.endsWith(name.substring(1)));
    }

    private static int specificity(Listener listener) {
        String name = listener.hostname().orElse("");
        return name.startsWith("*.") ? name.length() : name.isEmpty() ? 0 : 1000;
    }

    /** One line of requests.yaml; {@code sni} is the host unless it says otherwise. */
    record Asked(
            String line,
            String method,
            URI uri,
            String sni,
            Map<String, String> headers,
            String route,
            int status,
            String backend,
            String seesLine,
            Map<String, String> sees,
            Map<String, String> answers) {
        boolean tls() {
            return uri.getScheme().equals("https");
        }

        int port() {
            return uri.getPort() > 0 ? uri.getPort() : tls() ? 443 : 80;
        }

        String target() {
            return uri.getRawPath() + (uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery());
        }
    }

    static List<Asked> requests(Path folder) throws IOException {
        Object tree = new Load(LoadSettings.builder().build())
                .loadFromString(Files.readString(folder.resolve("requests.yaml")));
        List<Asked> out = new ArrayList<>();
        for (Object item : (List<?>) tree) {
            Map<?, ?> map = (Map<?, ?>) item;
            String line = text(map, "request", "");
            String[] words = line.split(" ");
            String route = text(map, "route", "none");
            out.add(new Asked(
                    line,
                    words[0],
                    URI.create(words[1]),
                    text(map, "sni", URI.create(words[1]).getHost()).toLowerCase(Locale.ROOT),
                    texts(map, "headers"),
                    route,
                    Integer.parseInt(text(map, "status", route.equals("none") ? "404" : "200")),
                    text(map, "backend", ""),
                    text(map, "sees-line", ""),
                    texts(map, "sees"),
                    texts(map, "answers")));
        }
        return out;
    }

    private static String text(Map<?, ?> map, String key, String otherwise) {
        return map.get(key) == null ? otherwise : map.get(key).toString();
    }

    private static Map<String, String> texts(Map<?, ?> map, String key) {
        Map<String, String> out = new java.util.LinkedHashMap<>();
        if (map.get(key) instanceof Map<?, ?> inner) {
            inner.forEach((k, v) -> out.put(k.toString(), v.toString()));
        }
        return out;
    }

    static ReadResult read(Path folder) throws IOException {
        return ManifestReader.readText("manifests.yaml", Files.readString(folder.resolve("manifests.yaml")));
    }

    static Stream<Path> cases() throws IOException {
        try (Stream<Path> walk = Files.walk(CORPUS, 3)) {
            List<Path> found = walk.filter(p -> Files.exists(p.resolve("manifests.yaml")))
                    .sorted()
                    .toList();
            assertThat(found).as("cases under %s", CORPUS).isNotEmpty();
            return found.stream();
        }
    }

    static String name(Path folder) {
        return CORPUS.relativize(folder).toString();
    }
}
