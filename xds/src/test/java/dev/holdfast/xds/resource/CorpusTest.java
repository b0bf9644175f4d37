package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.testkit.golden.Golden;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The plan of every case of corpus/ as Envoy's resources: sound, and as written down where a case has an xds.yaml. */
final class CorpusTest {
    private static final Path CORPUS = Path.of("..", "corpus");

    @TestFactory
    Stream<DynamicTest> everyPlanIsSoundForEnvoy() throws IOException {
        return cases().map(folder ->
                DynamicTest.dynamicTest(CORPUS.relativize(folder).toString(), () -> {
                    XdsResources all = XdsResources.of(plan(folder));
                    // A set with errors is never offered to an Envoy.
                    if (!hasErrors(folder)) {
                        Sound.check(all);
                    }
                    Path golden = folder.resolve("xds.yaml");
                    if (Files.exists(golden)) {
                        Golden.check(golden, brief(all));
                    }
                }));
    }

    @Test
    void whatIsMadeAfterAnotherPlanIsWhatWouldBeMadeOfNothing() throws IOException {
        XdsResources last = XdsResources.of(Plan.EMPTY);
        List<Path> order = new ArrayList<>(cases().toList());
        // Each case after another of its topic, after itself, and after one of another topic.
        order.addAll(order.reversed());
        for (Path folder : order) {
            Plan plan = plan(folder);
            last = last.next(plan, Known.NOTHING);
            XdsResources fresh = XdsResources.of(plan);
            for (ResourceType type : ResourceType.values()) {
                assertThat(last.of(type)).as("%s of %s", type, folder).isEqualTo(fresh.of(type));
            }
            assertThat(last.problems()).isEqualTo(fresh.problems());
        }
    }

    private static boolean hasErrors(Path folder) throws IOException {
        return ManifestReader.readText("manifests.yaml", Files.readString(folder.resolve("manifests.yaml")))
                .problems()
                .stream()
                .anyMatch(Problem::isError);
    }

    private static Plan plan(Path folder) throws IOException {
        return Translator.translate(
                ManifestReader.readText("manifests.yaml", Files.readString(folder.resolve("manifests.yaml")))
                        .resources(),
                new TranslateOptions(8000, Map.of()).in("zone-a").onEnvoy(true));
    }

    private static Stream<Path> cases() throws IOException {
        try (Stream<Path> walk = Files.walk(CORPUS, 3)) {
            List<Path> found = walk.filter(p -> Files.exists(p.resolve("manifests.yaml")))
                    .sorted()
                    .toList();
            assertThat(found).as("cases under %s", CORPUS).isNotEmpty();
            return found.stream();
        }
    }

    /** Without what every connection manager has alike: access log, local replies, filters that wait to be used. */
    private static String brief(XdsResources all) throws InvalidProtocolBufferException {
        Map<ResourceType, Map<String, Message>> out = new EnumMap<>(ResourceType.class);
        for (ResourceType type : ResourceType.values()) {
            out.put(type, new LinkedHashMap<>(all.redacted().getOrDefault(type, Map.of())));
        }
        for (Map.Entry<String, Message> entry :
                out.getOrDefault(ResourceType.LISTENER, Map.of()).entrySet()) {
            Listener.Builder listener = ((Listener) entry.getValue()).toBuilder();
            for (FilterChain.Builder chain : listener.getFilterChainsBuilderList()) {
                for (var filter : chain.getFiltersBuilderList()) {
                    if (filter.getTypedConfig().is(TcpProxy.class)) {
                        filter.setTypedConfig(Proto.any(filter.getTypedConfig().unpack(TcpProxy.class).toBuilder()
                                .clearAccessLog()
                                .build()));
                    }
                    if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                        filter.setTypedConfig(
                                Proto.any(filter.getTypedConfig().unpack(HttpConnectionManager.class).toBuilder()
                                        .clearAccessLog()
                                        .clearLocalReplyConfig()
                                        .clearHttpFilters()
                                        .build()));
                    }
                }
            }
            entry.setValue(listener.build());
        }
        return Rendering.yaml(out);
    }
}
