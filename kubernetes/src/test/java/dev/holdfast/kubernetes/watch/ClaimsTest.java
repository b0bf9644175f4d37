package dev.holdfast.kubernetes.watch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ClaimsTest {
    private static final SourcePosition HERE = new SourcePosition("cluster", 1, 1);

    @Test
    void aServiceOfAnotherNamespaceClaimsNoGateway() {
        Claims claims = new Claims(Optional.of("holdfast-system"));
        Node.Mapping ours = service("holdfast-system");
        assertThat(claims.checked(ours)).isEqualTo(ours);
        Node.Mapping theirs = claims.checked(service("evil"));
        assertThat(Claims.any(theirs)).isFalse();
        assertThat(theirs.entries()).containsKeys("metadata", "spec");
        assertThat(theirs.entries().toString()).contains("evil", "kept");
    }

    @Test
    void whoOnlyLooksSeesEveryClaim() {
        assertThat(Claims.any(new Claims(Optional.empty()).checked(service("evil"))))
                .isTrue();
    }

    private static Node.Mapping service(String namespace) {
        return mapping(Map.of(
                "metadata",
                mapping(Map.of(
                        "namespace",
                        text(namespace),
                        "annotations",
                        mapping(Map.of("holdfast.dev/gateway", text("shop/web"), "other", text("kept"))))),
                "spec",
                mapping(Map.of())));
    }

    private static Node.Mapping mapping(Map<String, Node> entries) {
        return new Node.Mapping(HERE, entries);
    }

    private static Node.Scalar text(String value) {
        return new Node.Scalar(HERE, value, Node.Type.STRING);
    }
}
