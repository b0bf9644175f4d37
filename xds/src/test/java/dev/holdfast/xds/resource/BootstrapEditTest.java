package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.gson.Gson;
import com.google.gson.JsonParser;
import dev.holdfast.xds.resource.BootstrapEdit.Result;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BootstrapEditTest {
    private static final Map<String, Object> OURS = json("""
            {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 19000}}},
             "dynamic_resources": {"ads_config": {"api_type": "DELTA_GRPC", "transport_api_version": "V3",
               "grpc_services": [{"envoy_grpc": {"cluster_name": "ours"}}]}},
             "static_resources": {"listeners": [{"name": "ready"}],
                                  "clusters": [{"name": "ours", "type": "STATIC", "connect_timeout": "5s"}]}}
            """);

    @SuppressWarnings("unchecked")
    private static Map<String, Object> json(String text) {
        return new Gson().fromJson(text, Map.class);
    }

    private static Result merged(String value) {
        return BootstrapEdit.of(OURS, "Merge", json(value), List.of());
    }

    @SuppressWarnings("unchecked")
    private static Result patched(String patches) {
        return BootstrapEdit.of(OURS, "JSONPatch", Map.of(), new Gson().fromJson(patches, List.class));
    }

    private static String text(Result result) {
        assertThat(result).isInstanceOf(Result.Made.class);
        return ((Result.Made) result).text();
    }

    @Test
    void whatIsMergedComesIntoMapsAndToLists() {
        String text = text(merged("""
                {"stats_flush_interval": "7s", "static_resources": {"clusters": [{"name": "more", "type": "STATIC"}]}}
                """));
        Map<String, Object> made = json(text);
        assertThat(made).containsEntry("stats_flush_interval", "7s").containsKeys("admin", "dynamic_resources");
        assertThat(JsonParser.parseString(text)
                        .getAsJsonObject()
                        .getAsJsonObject("static_resources")
                        .getAsJsonArray("clusters"))
                .extracting(c -> c.getAsJsonObject().get("name").getAsString())
                .containsExactly("ours", "more");
    }

    @Test
    void whatJsonCannotSayIsRefused() {
        for (String type : List.of("Merge", "Replace")) {
            assertThat(BootstrapEdit.of(OURS, type, Map.of("x", Double.NaN), List.of()))
                    .isInstanceOfSatisfying(
                            Result.Refused.class, r -> assertThat(r.field()).isEqualTo("value"));
        }
        assertThat(BootstrapEdit.of(
                        OURS,
                        "JSONPatch",
                        Map.of(),
                        List.of(Map.of("op", "add", "path", "/x", "value", Double.POSITIVE_INFINITY))))
                .isInstanceOfSatisfying(
                        Result.Refused.class, r -> assertThat(r.field()).isEqualTo("jsonPatches"));
    }

    @Test
    void patchesAreCarriedOutInTheirOrder() {
        assertThat(json(text(patched("""
                [{"op": "add", "path": "/stats_flush_interval", "value": "5s"},
                 {"op": "add", "path": "/static_resources/clusters/-", "value": {"name": "more", "type": "STATIC"}},
                 {"op": "add", "jsonPath": "$.static_resources.clusters[?(@.name=='more')]", "path": "/connect_timeout", "value": "1s"},
                 {"op": "copy", "from": "/stats_flush_interval", "path": "/static_resources/clusters/1/connect_timeout"}]
                """)))).containsEntry("stats_flush_interval", "5s");
    }

    @Test
    void aWholeOneTakesItsPlaceWhereWhatIsOursIsInIt() {
        Map<String, Object> whole = new java.util.HashMap<>(OURS);
        whole.put("stats_flush_interval", "7s");
        assertThat(text(BootstrapEdit.of(OURS, "Replace", whole, List.of()))).contains("\"7s\"");
        whole.remove("dynamic_resources");
        assertThat(BootstrapEdit.of(OURS, "Replace", whole, List.of()))
                .isEqualTo(new Result.Refused(
                        "value", "it would change dynamic_resources, which Holdfast needs as it is"));
    }

    static List<Arguments> wrong() {
        return List.of(
                arguments(merged("{\"admin\": {\"profile_path\": \"/tmp/p\"}}"), "value", "it would change admin"),
                arguments(
                        merged("{\"static_resources\": {\"clusters\": [{\"name\": \"ours\"}]}}"),
                        "value",
                        "it would change the cluster ours"),
                arguments(merged("{\"rubbish\": 1}"), "value", "what it makes is no bootstrap of Envoy's"),
                arguments(
                        merged("{\"stats_flush_interval\": [1]}"), "value", "what it makes is no bootstrap of Envoy's"),
                arguments(
                        merged("{\"flags_path\": \"" + "a".repeat(100_000) + "\"}"),
                        "value",
                        "with it a bootstrap has more than"),
                arguments(
                        patched("[{\"op\": \"remove\", \"path\": \"/static_resources/listeners/0\"}]"),
                        "jsonPatches",
                        "it would change the listener ready"),
                arguments(
                        patched(
                                "[{\"op\": \"add\", \"path\": \"/flags_path\", \"value\": \"/a\"}, {\"op\": \"remove\", \"path\": \"/nothing\"}]"),
                        "jsonPatches[1]",
                        "it cannot be carried out: there is nothing at /nothing"));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void whatCannotBeIsRefusedWithItsField(Result result, String field, String why) {
        assertThat(result).isInstanceOfSatisfying(Result.Refused.class, refused -> {
            assertThat(refused.field()).isEqualTo(field);
            assertThat(refused.why()).startsWith(why);
        });
    }
}
