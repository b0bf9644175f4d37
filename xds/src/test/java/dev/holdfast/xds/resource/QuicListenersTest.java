package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.xds.Plans;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** HTTP/3 is a listener of its own, beside one of TCP that knows nothing of it. */
final class QuicListenersTest {
    private static final ClientRules QUIC = ClientRules.DEFAULT.with(ConnectionSettings.DEFAULT.quic(true));

    private static XdsResources made(ClientRules rules) throws Exception {
        Plans plans = new Plans();
        plans.client = rules;
        XdsResources out = XdsResources.of(plans.plan());
        Sound.check(out);
        return out;
    }

    @Test
    void itComesAndGoesWithoutAFilterChainOfTcpBeingTouched() throws Exception {
        XdsResources without = made(ClientRules.DEFAULT);
        XdsResources with = made(QUIC);
        assertThat(with.of(ResourceType.LISTENER).keySet()).containsExactly("port-443", "port-80", "quic-port-443");
        assertThat(with.of(ResourceType.LISTENER).get("port-443"))
                .isEqualTo(without.of(ResourceType.LISTENER).get("port-443"));
        assertThat(Replaced.between(without, with)).isEmpty();
        assertThat(Replaced.between(with, without)).singleElement().satisfies(gone -> {
            assertThat(gone.listener()).isEqualTo("quic-port-443");
            assertThat(gone.removed()).isTrue();
            assertThat(gone.clusters()).containsExactly(Plans.CLUSTER);
        });
        assertThat(with.problems()).isEmpty();
    }

    @Test
    void itAsksTheRouteTableOfItsListenerWhichTellsClientsOfIt() throws Exception {
        XdsResources with = made(QUIC);
        String quic = Rendering.compact(with.of(ResourceType.LISTENER).get("quic-port-443"));
        assertThat(quic)
                .contains(
                        "\"protocol\":\"UDP\"",
                        "\"codec_type\":\"HTTP3\"",
                        "\"allow_extended_connect\":true",
                        "\"route_config_name\":\"home-automation/envoy/https\"",
                        "\"enable_early_data\":false");
        String hosts = with.of(ResourceType.VIRTUAL_HOST).toString();
        assertThat(hosts).contains("alt-svc", "holdfast.authority");
        assertThat(made(ClientRules.DEFAULT).of(ResourceType.VIRTUAL_HOST).toString())
                .doesNotContain("alt-svc");
        assertThat(with.of(ResourceType.VIRTUAL_HOST)
                        .get("port-80/" + Plans.HOST)
                        .toString())
                .as("a listener without TLS")
                .doesNotContain("alt-svc");
    }

    @Test
    void aListenerThatAsksForCertificatesKeepsToTcpAndIsWarnedOf() {
        Plans plans = new Plans();
        plans.client = QUIC;
        Tls plain = plans.tls();
        Tls asks = new Tls(
                plain.certificates(),
                plain.alpn(),
                plain.minVersion(),
                plain.maxVersion(),
                plain.crypto(),
                Optional.of(new Tls.ClientValidation(
                        true, true, "authority", List.of(), List.of(), List.of(), "", false, false)));
        plans.moreListeners.add(plans.listener("asks", 8443, 8443, Optional.empty(), Optional.of(asks), List.of()));
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(all.of(ResourceType.LISTENER).keySet()).doesNotContain("quic-port-8443");
        assertThat(all.problems())
                .singleElement()
                .satisfies(p -> assertThat(p.message()).contains("HTTP/3 is off", "certificate"));
    }
}
