package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.doctor.report.FileDiffs;
import dev.holdfast.doctor.report.SarifReport;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code check -o sarif} prints is what OASIS's schema of SARIF 2.1.0 allows, for all that the corpus has wrong. */
final class SarifSchemaTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonSchema SCHEMA = schema();

    static Stream<Path> cases() throws IOException {
        return CorpusTest.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theCorpusProblemsAreValidSarif(Path folder) throws IOException {
        ReadResult read = CorpusTest.read(folder);
        Plan plan = Translator.translate(read.resources(), TranslateOptions.NONE);
        List<Problem> problems = Stream.of(
                        read.problems(),
                        plan.problems(),
                        Lints.look(read.resources(), plan, Instant.parse("2026-01-01T00:00:00Z")))
                .flatMap(List::stream)
                .toList();
        FileDiffs diffs = new FileDiffs();
        JsonNode report = JSON.readTree(SarifReport.of(problems, "1.2.3", diffs::diff));
        assertThat(report.at("/runs/0/results")).hasSize(problems.size());
        assertThat(wrong(report)).isEmpty();
        assertThat(URI.create(report.path("$schema").asText()).isAbsolute()).isTrue();
    }

    /** The schema is in force: it refuses what SARIF does not have. */
    @Test
    void whatIsNoSarifIsRefused() throws IOException {
        assertThat(wrong(JSON.readTree("{\"version\": \"2.1.0\", \"runs\": [{\"results\": []}]}")))
                .extracting(ValidationMessage::getMessage)
                .anySatisfy(message -> assertThat(message).contains("tool"));
        assertThat(wrong(JSON.readTree(SarifReport.of(List.of(), "1.2.3", p -> java.util.Optional.empty())
                        .replace("columnKind", "columnsKind"))))
                .isNotEmpty();
    }

    private static Set<ValidationMessage> wrong(JsonNode report) {
        return SCHEMA.validate(report, context -> context.getExecutionConfig().setFormatAssertionsEnabled(true));
    }

    private static JsonSchema schema() {
        try (InputStream in = SarifSchemaTest.class.getResourceAsStream("/schema/sarif-schema-2.1.0.json")) {
            return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7)
                    .getSchema(
                            Objects.requireNonNull(in),
                            SchemaValidatorsConfig.builder().build());
        } catch (IOException e) {
            throw new IllegalStateException("the schema cannot be read", e);
        }
    }
}
