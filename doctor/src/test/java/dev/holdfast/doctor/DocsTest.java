package dev.holdfast.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Reasons;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every finding has its line, every probe its page. */
class DocsTest {
    private static final Path DOCS = Path.of("..", "docs", "doctor");

    @ParameterizedTest
    @EnumSource
    void aFindingIsDocumented(Code code) throws IOException {
        assertThat(Files.readString(DOCS.resolve("findings.md")))
                .contains("| " + code + " |")
                .contains(code.title());
        assertThat(DOCS.resolve(code.probe() + ".md")).exists();
        assertThat(Files.readString(DOCS.resolve("README.md"))).contains("(" + code.probe() + ".md)");
    }

    /** Those that give no finding have a page as well. */
    @Test
    void aProbeIsDocumented() throws Exception {
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            List<String> probes = Peers.examine("ws://" + Peers.HOST + "/ws", peer.port()).readings().stream()
                    .map(entry -> entry.reading().probe())
                    .toList();
            assertThat(probes)
                    .contains("reach", "alt-svc", "upgrade-over-http2", "idle")
                    .hasSizeGreaterThan(12);
            for (String probe : probes) {
                assertThat(DOCS.resolve(probe + ".md")).exists();
                assertThat(Files.readString(DOCS.resolve("README.md"))).contains("(" + probe + ".md)");
            }
        }
    }

    /** Of every reason that our gateway gives there is something to say. */
    @Test
    void aReasonOfOurGatewayIsExplained() throws IOException {
        List<String> reasons = Pattern.compile("^\\| `([a-z_]+)` \\|", Pattern.MULTILINE)
                .matcher(Files.readString(Path.of("..", "docs", "reasons.md")))
                .results()
                .map(m -> m.group(1))
                .toList();
        assertThat(reasons).hasSizeGreaterThan(30).allMatch(Reasons::knows);
    }
}
