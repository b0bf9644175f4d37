package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.doctor.report.SarifReport;
import dev.holdfast.problem.ProblemCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command as a person calls it, in a process of its own. */
final class CheckTest {
    private static final Path SEED = Path.of("..", "corpus", "seed", "as-printed", "manifests.yaml");

    @TempDir
    private Path folder;

    private record Ran(int exit, String out) {}

    @Test
    void theSeedAsPrintedIsMendedAndKeepsItsComments() throws Exception {
        Path file = Files.copy(SEED, folder.resolve("seed.yaml"));
        Ran before = check(file.toString());
        assertThat(before.exit).isEqualTo(1);
        assertThat(before.out)
                .contains("TARGET_REQUIRED")
                .contains("+  targetRefs:")
                .contains(" name: envoy");
        assertThat(check(file.toString(), "--fix").exit).isZero();
        String mended = Files.readString(file);
        assertThat(mended).contains("- http/1.1  # First for WebSocket support").contains("namespace: home-automation");
        assertThat(mended.lines().toList()).containsAll(Files.readAllLines(SEED));
        assertThat(check(file.toString()).exit).isZero();
    }

    /** All that is missing is the Secret, which is the user's own or comes of {@code --dev-tls}. */
    @ParameterizedTest
    @ValueSource(strings = {"backend", "streams", "websocket"})
    void theExamplesAreWell(String example) throws Exception {
        Ran ran = check(Path.of("..", "examples", example).toString());
        assertThat(ran.out.lines().filter(line -> line.contains(": error [") || line.contains(": warning [")))
                .singleElement()
                .asString()
                .contains("[CERTIFICATE_REF]", "Secret home-automation/home-assistant-tls does not exist");
    }

    /** The routes of the demo are laid over examples/websocket; what is printed without a target is wrong on purpose. */
    @Test
    void everyExampleIsAsked() throws IOException {
        try (Stream<Path> folders = Files.list(Path.of("..", "examples"))) {
            assertThat(folders.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("as-printed", "backend", "demo", "streams", "websocket");
        }
    }

    @Test
    void unreadableInputIsTwo() throws Exception {
        assertThat(check(folder.resolve("nowhere").toString()).exit).isEqualTo(2);
    }

    /** What SARIF 2.1.0 requires: §3.13 to §3.30 of the standard. */
    @Test
    void sarifHasWhatItsStandardRequires() throws Exception {
        JsonNode root = new ObjectMapper().readTree(check(SEED.toString(), "-o", "sarif").out);
        assertThat(root.path("version").asText()).isEqualTo("2.1.0");
        JsonNode run = root.path("runs").path(0);
        assertThat(run.at("/tool/driver/name").asText()).isNotEmpty();
        JsonNode rules = run.at("/tool/driver/rules");
        assertThat(run.path("results")).isNotEmpty().allSatisfy(result -> {
            assertThat(result.at("/message/text").asText()).isNotEmpty();
            assertThat(result.path("level").asText()).isIn("error", "warning", "note");
            assertThat(rules.path(result.path("ruleIndex").asInt()).path("id")).isEqualTo(result.path("ruleId"));
            JsonNode place = result.at("/locations/0/physicalLocation");
            assertThat(place.at("/artifactLocation/uri").asText()).endsWith("manifests.yaml");
            assertThat(place.at("/region/startLine").asInt()).isPositive();
            for (JsonNode replacement : result.at("/fixes/0/artifactChanges/0/replacements")) {
                assertThat(replacement.at("/deletedRegion/startLine").asInt()).isPositive();
                assertThat(replacement.at("/insertedContent").has("text")).isTrue();
            }
        });
    }

    @ParameterizedTest
    @EnumSource(ProblemCode.class)
    void everyCodeHasItsPage(ProblemCode code) throws IOException {
        Path page = Path.of("..", "docs", "rules", SarifReport.page(code));
        assertThat(page).exists();
        assertThat(Files.readString(page)).startsWith("# " + code.name() + "\n");
    }

    private static Ran check(String file, String... more) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "dev.holdfast.app.cli.Main",
                "check",
                "-f",
                file));
        command.addAll(List.of(more));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        process.getInputStream().transferTo(new PrintStream(out));
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new Ran(process.exitValue(), out.toString(StandardCharsets.UTF_8));
    }
}
