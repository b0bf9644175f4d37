package dev.holdfast.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.plan.Substitution.Piece.Operator;
import dev.holdfast.plan.Substitution.Piece.Text;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts with command operators, as Envoy reads them. */
final class SubstitutionTest {
    @Test
    void operatorsStandAmongText() {
        assertThat(Substitution.parse("a %REQ(X?Y):7% 100%% %START_TIME(%Y-%m)%\n")
                        .pieces())
                .containsExactly(
                        new Text("a "),
                        new Operator("REQ", "X?Y", 7),
                        new Text(" 100% "),
                        new Operator("START_TIME", "%Y-%m", 0),
                        new Text("\n"));
        assertThat(Substitution.parse("").pieces()).isEmpty();
        assertThat(Substitution.parse("plain").pieces()).containsExactly(new Text("plain"));
    }

    @ParameterizedTest
    @CsvSource({"100 %,5", "%,1", "a %req(x)%,3", "%REQ(x%,1", "%REQ(x),1", "%REQ(x):%,1", "%DURATION,1", "a %% %,6"})
    void aPercentSignThatBeginsNothingIsNamed(String text, int at) {
        assertThatThrownBy(() -> Substitution.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the percent sign at character " + at + " ");
    }
}
