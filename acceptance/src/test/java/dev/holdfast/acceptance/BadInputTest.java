package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Input that nobody means well with: work stays within bounds, and a problem says what is wrong. */
final class BadInputTest {
    /** Processor time of the reading thread, generous for a slow machine; what is not bounded takes minutes or all memory. */
    private static final long SECONDS = 60;
    /** What reading may ask of memory for a text of 1 MB, all together; a parser that copied its line once a KiB took 2 GB. */
    private static final long OCTETS = 200_000_000;

    private static final String ROUTE = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata:
              name: web
            spec:
              hostnames:
            """;

    @TempDir
    private Path folder;

    record Case(String name, String text, ProblemCode expected) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Case> cases() {
        String million = "a".repeat(1_000_000);
        StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++) {
            bomb.append("a").append(i).append(": &a").append(i).append(" [");
            bomb.append(("*a" + (i - 1) + ", ").repeat(8))
                    .append("*a")
                    .append(i - 1)
                    .append("]\n");
        }
        StringBuilder deeper = new StringBuilder("a0: &a0 " + "[".repeat(30) + "]".repeat(30) + "\n");
        for (int i = 1; i < 40; i++) {
            deeper.append("a%d: &a%d %s*a%d%s%n".formatted(i, i, "[".repeat(30), i - 1, "]".repeat(30)));
        }
        return Stream.of(
                new Case("a line of 1 MB as a value", ROUTE + "    - " + million + "\n", ProblemCode.INVALID_VALUE),
                new Case(
                        "a line of 1 MB with labels",
                        ROUTE + "    - " + "a.".repeat(500_000) + "!\n",
                        ProblemCode.INVALID_VALUE),
                new Case("a key of 1 MB", ROUTE + "    - a\n  " + million + ": 1\n", ProblemCode.SYNTAX),
                new Case(
                        "a key of 1,000 characters",
                        ROUTE + "    - a\n  " + "b".repeat(1_000) + ": 1\n",
                        ProblemCode.UNKNOWN_FIELD),
                new Case(
                        "a comment of 1 MB", "# " + million + "\n" + ROUTE + "    - a..b\n", ProblemCode.INVALID_VALUE),
                new Case("an alias of nothing", "a: *nothing\n", ProblemCode.SYNTAX),
                new Case("aliases that reach ever deeper", deeper.toString(), ProblemCode.SYNTAX),
                new Case("lists 100,000 deep", ROUTE + "    - " + "[".repeat(100_000), ProblemCode.SYNTAX),
                new Case(
                        "lists 5,000 deep and closed",
                        ROUTE + "    - " + "[".repeat(5_000) + "]".repeat(5_000),
                        ProblemCode.SYNTAX),
                new Case("mappings 20,000 deep", "a: ".repeat(1) + "{a: ".repeat(20_000), ProblemCode.SYNTAX),
                new Case("aliases that grow nine times a level", bomb.toString(), ProblemCode.SYNTAX),
                new Case("an alias of itself", "a: &a [*a]\n", ProblemCode.SYNTAX),
                new Case("a key twice", ROUTE + "    - a.example\n  hostnames: [b.example]\n", ProblemCode.DUPLICATE),
                new Case("control characters", ROUTE + "    - \u0000\u0007\n", ProblemCode.SYNTAX),
                new Case("an unclosed quote", ROUTE + "    - \"a" + million + "\n", ProblemCode.SYNTAX),
                new Case(
                        "a tab for indentation",
                        "apiVersion: v1\nkind: Secret\nmetadata:\n\tname: x\n",
                        ProblemCode.SYNTAX),
                new Case("a list instead of a manifest", "- 1\n", ProblemCode.WRONG_TYPE),
                new Case("a tag that names a class", "a: !!java.io.File [/etc]\n", ProblemCode.REQUIRED));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isBoundedAndSaid(Case input) {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = thread.getCurrentThreadCpuTime();
        long empty = thread.getCurrentThreadAllocatedBytes();
        ReadResult read = ManifestReader.readText("bad.yaml", input.text);
        Translator.translate(read.resources(), TranslateOptions.NONE);
        long took = thread.getCurrentThreadCpuTime() - before;
        long octets = thread.getCurrentThreadAllocatedBytes() - empty;
        assertThat(read.problems()).extracting(Problem::code).contains(input.expected);
        assertThat(read.problems()).allSatisfy(p -> {
            assertThat(p.position()).isPresent();
            assertThat(p.render().length()).as("what is printed stays readable").isLessThan(4_000);
        });
        assertThat(took / 1_000_000_000).isLessThan(SECONDS);
        assertThat(octets).isLessThan(OCTETS);
    }

    @Test
    void tooDeepOrTooManyIsSaidAsSuch() {
        for (Case input : cases().toList()) {
            if (input.name.contains("deep") || input.name.contains("grow")) {
                assertThat(ManifestReader.readText("bad.yaml", input.text).problems())
                        .as(input.name)
                        .anySatisfy(p -> assertThat(p.message()).contains("nested deeper than 100"));
            }
        }
    }

    @Test
    void tenThousandDocumentsInOneFileAreRead() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 10_000; i++) {
            text.append("---\n")
                    .append(ROUTE.replace("name: web", "name: web" + i))
                    .append("    - h")
                    .append(i)
                    .append(".example\n");
        }
        ReadResult read = ManifestReader.readText("many.yaml", text.toString());
        assertThat(read.resources().resources()).hasSize(10_000);
        assertThat(read.hasErrors()).isFalse();
    }

    @Test
    void otherEncodingsAndWhatIsNoTextAreUnreadable() throws IOException {
        byte[] noise = new byte[100_000];
        new Random(3).nextBytes(noise);
        Map<String, byte[]> files = Map.of(
                "utf16.yaml", ROUTE.getBytes(StandardCharsets.UTF_16),
                "latin1.yaml", (ROUTE + "    - m\u00fcnchen.example\n").getBytes(StandardCharsets.ISO_8859_1),
                "noise.yaml", noise);
        List<String> seen = new ArrayList<>();
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Path path = Files.write(folder.resolve(file.getKey()), file.getValue());
            ReadResult read = ManifestReader.read(List.of(path));
            assertThat(read.unreadable()).as(file.getKey()).isTrue();
            seen.add(file.getKey());
        }
        assertThat(seen).hasSize(files.size());
    }

    @Test
    void aByteOrderMarkIsNoPartOfTheText() throws IOException {
        Path file = Files.writeString(folder.resolve("bom.yaml"), "\uFEFF" + ROUTE + "    - a.example\n");
        assertThat(ManifestReader.read(List.of(file)).problems()).isEmpty();
    }
}
