package dev.holdfast.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
}
