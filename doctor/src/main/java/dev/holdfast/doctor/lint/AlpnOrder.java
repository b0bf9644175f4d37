package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.function.Consumer;

/** HTTP/1.1 before HTTP/2 in ALPN: every browser then speaks HTTP/1.1, pages too. */
final class AlpnOrder implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        scene.policies("ClientTrafficPolicy").forEach(policy -> {
            Field alpn = policy.spec().at("tls.alpnProtocols");
            List<String> offered = alpn.items().stream().map(i -> i.text("")).toList();
            int old = offered.indexOf("http/1.1");
            int two = offered.indexOf("h2");
            if (old >= 0 && (two < 0 || old < two)) {
                found.accept(Scene.hint(
                                alpn.origin(),
                                ProblemCode.ALPN_WITHOUT_HTTP2,
                                "ALPN " + offered + " makes every client that offers both speak HTTP/1.1: browsers lose"
                                        + " HTTP/2 for pages; for WebSocket it is not needed here, where the upgrade works"
                                        + " over either",
                                "Remove alpnProtocols: the default is h2, http/1.1.")
                        .withChoice(new Change.Remove("spec.tls.alpnProtocols")));
            }
        });
    }
}
