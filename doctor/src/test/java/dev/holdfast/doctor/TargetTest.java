package dev.holdfast.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Target;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TargetTest {
    @Test
    void readsUrls() {
        assertThat(Target.parse("wss://A.example/x?y=1").toString()).isEqualTo("wss://a.example/x?y=1");
        assertThat(Target.parse("https://a.example:8443").authority()).isEqualTo("a.example:8443");
        assertThat(Target.parse("http://[::1]:80/").authority()).isEqualTo("[::1]");
        assertThat(Target.parse("http://my_app:8080/x").authority()).isEqualTo("my_app:8080");
        assertThat(Target.parse("ws://a.example").origin()).isEqualTo("http://a.example");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a.example",
                "ftp://a",
                "https://",
                "http://a b",
                "https:///x",
                "http://a:99999",
                "http://a:0",
                "http://u:p@a/"
            })
    void refusesWhatIsNoUrlInOneLine(String text) {
        assertThatThrownBy(() -> Target.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void whereToConnect() {
        assertThat(Options.HostPort.parse("127.0.0.1:443")).isEqualTo(new Options.HostPort("127.0.0.1", 443));
        assertThat(Options.HostPort.parse("[::1]:443")).isEqualTo(new Options.HostPort("::1", 443));
        for (String wrong : List.of("host", ":443", "host:", "host:65536", "host:https")) {
            assertThatThrownBy(() -> Options.HostPort.parse(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is not HOST:PORT");
        }
    }
}
