package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.xds.Plans;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which changes of how clients are taken replace a filter chain, and which do not; what they come to is in the corpus' xds.yaml. */
final class ClientSideTest {
    private static final ClientRules.Headers HEADERS = ClientRules.Headers.DEFAULT;
    private static final HeaderEdits EDITS = new HeaderEdits(
            new Route.HeaderMutation(List.of(new Route.Header("x-a", "1")), List.of(), List.of()),
            List.of(),
            List.of(new TextMatch(TextMatch.Kind.PREFIX, "x-secret-")));

    @Test
    void whatIsSaidOfAnswersHealthAndGrpcWebReplacesNoFilterChain() throws Exception {
        assertThat(replacedBy(headers(HeaderEdits.NONE, EDITS))).isEmpty();
        assertThat(replacedBy(rules(ClientRules.Address.Direct.class, "/healthz", false)))
                .isEmpty();
        assertThat(replacedBy(rules(ClientRules.Address.Direct.class, "", true)))
                .isEmpty();
    }

    @Test
    void askingForAFingerprintReplacesNoFilterChainUntilAHeaderTellsIt() throws Exception {
        ClientRules all = new ClientRules(
                ConnectionSettings.DEFAULT,
                new ClientRules.Address.Direct(),
                HEADERS,
                ClientRules.Paths.DEFAULT,
                ClientRules.Http1.DEFAULT,
                ClientRules.Http2.DEFAULT,
                "",
                false,
                false,
                EnumSet.allOf(ClientRules.Fingerprint.class));
        assertThat(replacedBy(all)).isEmpty();
    }

    @Test
    void whatEnvoyMustKnowBeforeItHasARouteReplacesTheListenersOwn() throws Exception {
        assertThat(replacedBy(headers(EDITS, HeaderEdits.NONE)))
                .extracting(Replaced::filterChain)
                .containsExactlyInAnyOrder("home-automation/envoy/https", "port-80");
        assertThat(replacedBy(rules(ClientRules.Address.Forwarded.class, "", false)))
                .extracting(Replaced::filterChain)
                .containsExactlyInAnyOrder("home-automation/envoy/https", "port-80");
    }

    @Test
    void whatComesBeforeTlsReplacesThePort() throws Exception {
        ConnectionSettings plain = ConnectionSettings.DEFAULT;
        ClientRules proxied = new ClientRules(
                new ConnectionSettings(
                        plain.idleTimeout(),
                        plain.inspectionTimeout(),
                        plain.tlsHandshakeTimeout(),
                        Duration.ZERO,
                        0,
                        Duration.ZERO,
                        plain.bufferBytes(),
                        ConnectionSettings.ProxyProtocol.REQUIRED,
                        Optional.empty()),
                new ClientRules.Address.Direct(),
                HEADERS,
                ClientRules.Paths.DEFAULT,
                ClientRules.Http1.DEFAULT,
                ClientRules.Http2.DEFAULT,
                "");
        assertThat(replacedBy(proxied))
                .allMatch(r -> r.filterChain().isEmpty())
                .extracting(Replaced::listener)
                .containsExactlyInAnyOrder("port-443", "port-80");
    }

    @Test
    void aPortIsBoundAtTheAddressesOfTheFamilyThatIsAskedFor() throws Exception {
        ClientRules plain = ClientRules.DEFAULT;
        Map<Optional<ConnectionSettings.Family>, String> wanted = Map.of(
                Optional.empty(),
                "address: \"0.0.0.0\"\n",
                Optional.of(ConnectionSettings.Family.IPV6),
                "address: \"::\"\n",
                Optional.of(ConnectionSettings.Family.BOTH),
                "ipv4_compat: true\n");
        for (var each : wanted.entrySet()) {
            String text = made(plain.with(plain.connection().at(each.getKey()))).toYaml();
            assertThat(text).contains(each.getValue());
            assertThat(text.contains("address: \"0.0.0.0\"\n"))
                    .isEqualTo(each.getKey().isEmpty());
        }
    }

    @Test
    void aRemovalByPatternIsPartOfWhatIsCompared() throws Exception {
        HeaderEdits other =
                new HeaderEdits(EDITS.mutation(), List.of(), List.of(new TextMatch(TextMatch.Kind.PREFIX, "x-other-")));
        assertThat(Chain.of(made(headers(EDITS, HeaderEdits.NONE))))
                .isNotEqualTo(Chain.of(made(headers(other, HeaderEdits.NONE))));
        assertThat(made(headers(EDITS, HeaderEdits.NONE)).toYaml()).contains("remove_on_match", "prefix: x-secret-");
    }

    private static List<Replaced> replacedBy(ClientRules rules) throws Exception {
        List<Replaced> out = Replaced.between(made(ClientRules.DEFAULT), made(rules));
        assertThat(Chain.replaced(Chain.of(made(ClientRules.DEFAULT)), made(rules)))
                .as("as an Envoy's digests tell it")
                .extracting(r -> r.listener() + r.filterChain())
                .containsExactlyInAnyOrderElementsOf(
                        out.stream().map(r -> r.listener() + r.filterChain()).toList());
        return out;
    }

    private static XdsResources made(ClientRules rules) throws Exception {
        Plans plans = new Plans();
        plans.client = rules;
        XdsResources out = XdsResources.of(plans.plan());
        Sound.check(out);
        return out;
    }

    private static ClientRules headers(HeaderEdits early, HeaderEdits late) {
        return new ClientRules(
                ConnectionSettings.DEFAULT,
                new ClientRules.Address.Direct(),
                new ClientRules.Headers(
                        HEADERS.underscores(),
                        early,
                        late,
                        HEADERS.requestId(),
                        false,
                        HEADERS.maxBytes(),
                        HEADERS.forwardedCert()),
                ClientRules.Paths.DEFAULT,
                ClientRules.Http1.DEFAULT,
                ClientRules.Http2.DEFAULT,
                "");
    }

    private static ClientRules rules(Class<?> address, String healthPath, boolean grpcWeb) {
        return new ClientRules(
                ConnectionSettings.DEFAULT,
                address == ClientRules.Address.Direct.class
                        ? new ClientRules.Address.Direct()
                        : new ClientRules.Address.Forwarded(2, List.of(), true),
                HEADERS,
                ClientRules.Paths.DEFAULT,
                ClientRules.Http1.DEFAULT,
                ClientRules.Http2.DEFAULT,
                healthPath,
                false,
                grpcWeb,
                Set.of());
    }
}
