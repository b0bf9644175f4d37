package dev.holdfast.xds.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import dev.holdfast.xds.snapshot.Versioned;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class SubscriptionTest {
    /** Its answer to what was on its way before it forgot says nothing of what it has now. */
    @Test
    void whatItForgetsGoesOutAgainWhateverItAcceptsMeanwhile() {
        Map<String, Versioned> wanted =
                Map.of("e", new Versioned(Any.getDefaultInstance(), Any.getDefaultInstance(), "1"));
        Subscription endpoints = new Subscription();
        endpoints.asks("e");
        endpoints.knows("e", "1");
        endpoints.synced = wanted;
        endpoints.forgot("e");
        endpoints.knows("e", "1");
        assertThat(endpoints.toward(wanted, Optional.empty(), 2, "n").resources())
                .containsKey("e");
        endpoints.knows("e", "1");
        assertThat(endpoints.toward(wanted, Optional.empty(), 2, "n").isEmpty()).isTrue();
    }
}
