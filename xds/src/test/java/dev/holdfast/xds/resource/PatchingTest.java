package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.EnvoyPatch;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Provenance;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.xds.Plans;
import dev.holdfast.xds.XdsPlane;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** EnvoyPatchPolicies, operation by operation. */
final class PatchingTest {
    private static final String ROUTES = "envoy.config.route.v3.RouteConfiguration";
    private static final String LISTENER = "envoy.config.listener.v3.Listener";
    private static final String CLUSTER = "envoy.config.cluster.v3.Cluster";
    private static final String HEADER = "{\"header\":{\"key\":\"x-a\",\"value\":\"1\"}}";

    @Test
    void addMakesWhatIsMissingOnItsWayAtEachPlaceThatAPathFinds() {
        XdsResources made =
                patched(patch(ROUTES, "port-80", "add", "/response_headers_to_add/0", "$.virtual_hosts[*]", HEADER));
        assertThat(made.problems()).isEmpty();
        var table = (RouteConfiguration) made.of(ResourceType.ROUTE).get("port-80");
        assertThat(table.getVirtualHostsList())
                .isNotEmpty()
                .allSatisfy(
                        h -> assertThat(h.getResponseHeadersToAdd(0).getHeader().getKey())
                                .isEqualTo("x-a"));
        assertThat(made.of(ResourceType.VIRTUAL_HOST).get("port-80/*").toString())
                .as("which go out one by one")
                .contains("x-a");
    }

    @Test
    void namesOfEnvoyGatewayAreUnderstood() {
        for (String name : List.of("port-80", "home-automation/envoy/http", "http-80", "tcp-80", "tcp-10080")) {
            XdsResources made =
                    patched(patch(LISTENER, name, "replace", "/per_connection_buffer_limit_bytes", "", "1000"));
            assertThat(made.problems()).as(name).isEmpty();
            assertThat(((Listener) made.of(ResourceType.LISTENER).get("port-80"))
                            .getPerConnectionBufferLimitBytes()
                            .getValue())
                    .as(name)
                    .isEqualTo(1000);
        }
        XdsResources both = patched(patch(
                CLUSTER,
                "httproute/home-automation/home-assistant-internal/rule/0",
                "replace",
                "/connect_timeout",
                "",
                "\"3s\""));
        assertThat(both.problems()).isEmpty();
        for (String name : List.of(Plans.CLUSTER, Plans.CLUSTER + "/streams")) {
            assertThat(((Cluster) both.of(ResourceType.CLUSTER).get(name))
                            .getConnectTimeout()
                            .getSeconds())
                    .isEqualTo(3);
        }
    }

    @Test
    void theDefaultFilterChainOfAPlainPortIsItsOnlyOne() {
        XdsResources made = patched(patch(
                LISTENER,
                "http-80",
                "add",
                "/default_filter_chain/filters/0/typed_config/http_filters/0",
                "",
                "{\"name\":\"envoy.filters.http.lua\",\"typed_config\":{\"@type\":"
                        + "\"type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\"}}"));
        assertThat(made.problems()).isEmpty();
        assertThat(made.toYaml())
                .as("a kind that is none of ours")
                .contains("envoy.extensions.filters.http.lua.v3.Lua");
    }

    @Test
    void theOtherOperations() {
        String timeout = "/connect_timeout";
        assertThat(patched(
                                patch(CLUSTER, Plans.CLUSTER, "test", timeout, "", "\"10s\""),
                                patch(CLUSTER, Plans.CLUSTER, "remove", timeout, "", null))
                        .problems())
                .isEmpty();
        EnvoyPatch copy = new EnvoyPatch(
                "type.googleapis.com/" + CLUSTER,
                Plans.CLUSTER,
                "copy",
                "/alt_stat_name",
                "/eds_cluster_config/service_name",
                "",
                Optional.empty(),
                at("spec.jsonPatches[0]"),
                at("spec.jsonPatches[0]"));
        assertThat(((Cluster) patched(copy).of(ResourceType.CLUSTER).get(Plans.CLUSTER)).getAltStatName())
                .isEqualTo(Plans.CLUSTER);
        XdsResources whole = patched(patch(CLUSTER, "mine", "add", "", "", "{\"name\":\"mine\"}"));
        assertThat(whole.problems()).isEmpty();
        assertThat(whole.of(ResourceType.CLUSTER)).containsKey("mine");
    }

    @Test
    void whatCannotBeIsAnErrorAtItsPlace() {
        assertThat(wrong(patch(CLUSTER, "nobody", "remove", "/name", "", null))).contains("there are", Plans.CLUSTER);
        assertThat(wrong(patch(CLUSTER, Plans.CLUSTER, "remove", "/nothing", "", null)))
                .contains("there is nothing at /nothing");
        assertThat(wrong(patch(CLUSTER, Plans.CLUSTER, "remove", "", "$.nothing[*]", null)))
                .contains("finds nothing");
        assertThat(wrong(patch(CLUSTER, Plans.CLUSTER, "add", "/name_of_it", "", "1")))
                .contains("name_of_it");
        assertThat(wrong(patch(CLUSTER, Plans.CLUSTER, "test", "/name", "", "\"other\"")))
                .contains("fails");
        assertThat(wrong(patch(CLUSTER, Plans.CLUSTER, "add", "/a", "", null))).contains("needs a value");
        assertThat(wrong(patch("envoy.service.runtime.v3.Runtime", "r", "add", "/a", "", "1")))
                .contains("no resources of type");
    }

    @Test
    void withABadPatchNothingIsOffered() throws Exception {
        try (XdsPlane plane =
                new XdsPlane(new InetSocketAddress("127.0.0.1", 0), Optional.empty(), new SimpleMeterRegistry())) {
            assertThat(plane.apply(plan()).accepted()).isTrue();
            var refused = plane.apply(plan(patch(CLUSTER, "nobody", "remove", "/name", "", null)));
            assertThat(refused.accepted()).isFalse();
            assertThat(refused.problems()).singleElement().matches(Problem::isError);
            assertThat(plane.problems()).as("of what is in force").isEmpty();
        }
    }

    private static String wrong(EnvoyPatch patch) {
        List<Problem> problems = patched(patch).problems();
        assertThat(problems).isNotEmpty().allMatch(Problem::isError);
        return problems.getFirst().render();
    }

    private static XdsResources patched(EnvoyPatch... patches) {
        return XdsResources.of(plan(patches));
    }

    private static Plan plan(EnvoyPatch... patches) {
        Plan plain = new Plans().plan();
        return new Plan(
                plain.listeners(),
                plain.l4(),
                plain.clusters(),
                List.of(),
                List.of(),
                Provenance.NONE,
                List.of(patches));
    }

    private static EnvoyPatch patch(
            String type,
            String name,
            String op,
            String path,
            String jsonPath,
            @org.jspecify.annotations.Nullable String value) {
        return new EnvoyPatch(
                "type.googleapis.com/" + type,
                name,
                op,
                path,
                "",
                jsonPath,
                Optional.ofNullable(value),
                at("spec.jsonPatches[0]"),
                at("spec.jsonPatches[0].operation.value"));
    }

    private static Origin at(String path) {
        return Plans.origin("EnvoyPatchPolicy", "patch", path, "patch.yaml", 9);
    }
}
