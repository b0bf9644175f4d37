package dev.holdfast.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ListenerTest {
    @Test
    void aCopyWithOneThingChangedKeepsAllElse() {
        Telemetry.Collector collector = new Telemetry.Collector("c", "", Map.of(), Map.of());
        Telemetry telemetry = new Telemetry(
                Optional.empty(), Optional.empty(), List.of(new Telemetry.Metrics(collector, false, false)));
        Listener listener = new Listener(
                "default/gateway/https",
                443,
                8443,
                Optional.of("app.test"),
                Optional.empty(),
                HttpSettings.DEFAULT,
                ClientRules.DEFAULT,
                List.of(),
                telemetry,
                new Origin(new ResourceRef("", "", "", ""), "spec", Optional.empty()));
        assertThat(listener.at(1).at(8443)).isEqualTo(listener);
        assertThat(listener.with(ClientRules.DEFAULT)).isEqualTo(listener);
    }
}
