package dev.holdfast.kubernetes.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OverlayTest {
    private static final Map<String, Object> POD = Map.of(
            "containers",
            List.of(Map.of("name", "envoy", "image", "a", "env", List.of(Map.of("name", "X", "value", "1")))),
            "tolerations",
            List.of(Map.of("key", "old")));

    private static Map<String, Object> patched(String type, Map<String, Object> value) {
        return Overlay.patched(POD, Map.of("type", type, "value", value));
    }

    @Test
    void aStrategicMergeFindsAContainerByItsName() {
        assertThat(patched(
                        "StrategicMerge",
                        Map.of(
                                "containers",
                                List.of(
                                        Map.of("name", "more"),
                                        Map.of("name", "envoy", "env", List.of(Map.of("name", "Y", "value", "2")))))))
                .containsEntry(
                        "containers",
                        List.of(
                                Map.of(
                                        "name",
                                        "envoy",
                                        "image",
                                        "a",
                                        "env",
                                        List.of(Map.of("name", "X", "value", "1"), Map.of("name", "Y", "value", "2"))),
                                Map.of("name", "more")));
    }

    @Test
    void aStrategicMergeReplacesListsWithoutAKeyAndTakesAwayWhatItIsToldTo() {
        assertThat(patched(
                        "StrategicMerge",
                        Map.of(
                                "containers",
                                List.of(Map.of("name", "envoy", "$patch", "delete")),
                                "tolerations",
                                List.of(Map.of("key", "new")))))
                .isEqualTo(Map.of("containers", List.of(), "tolerations", List.of(Map.of("key", "new"))));
    }

    @Test
    void aJsonMergeReplacesEveryList() {
        assertThat(patched("JSONMerge", Map.of("containers", List.of(Map.of("name", "other")))))
                .containsEntry("containers", List.of(Map.of("name", "other")))
                .containsKey("tolerations");
    }

    @Test
    void nothingIsNoPatch() {
        assertThat(Overlay.patched(POD, null)).isEqualTo(POD);
    }

    @Test
    void aGatewaysEnvoyProxyReplacesThatOfItsClassUnlessItAsksToBeMerged() {
        Map<String, Object> wide = Map.of("concurrency", 2, "logging", Map.of("level", "warn"));
        assertThat(Overlay.ofProxies(wide, Map.of("concurrency", 1))).isEqualTo(Map.of("concurrency", 1));
        assertThat(Overlay.ofProxies(wide, Map.of("concurrency", 1, "mergeType", "JSONMerge")))
                .containsEntry("concurrency", 1)
                .containsKey("logging");
    }
}
