package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.translate.Translator;
import dev.holdfast.xds.resource.XdsResources;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What is not carried out by Envoy is told, HTTP/3 too. */
final class Http3OnEnvoyTest {
    @Test
    void aListenerWithHttp3IsWarnedOf() throws Exception {
        Plan plan = Translator.translate(
                CorpusTest.read(Path.of("..", "corpus", "client", "http3")).resources(), CorpusTest.OPTIONS);
        assertThat(plan.listeners()).anySatisfy(l -> {
            assertThat(l.name()).isEqualTo("app/gw/web");
            assertThat(l.client().connection().quic()).isTrue();
        });
        assertThat(XdsResources.of(plan).problems()).anySatisfy(p -> {
            assertThat(p.resource().orElseThrow().name()).isEqualTo("gw");
            assertThat(p.message()).startsWith("HTTP/3 is not carried out on Envoy yet");
        });
    }
}
