package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Resource;
import java.util.function.Consumer;

/** A TLS backend may choose HTTP/2, and then Envoy sends WebSockets as extended CONNECT. */
final class TlsBackend implements Lint {
    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        for (Resource route : scene.set().kind("HTTPRoute")) {
            for (BackendFacts backend : scene.backendsOf(route)) {
                if (backend.tls() && backend.offeredHttp2() && !backend.saysWebSocket()) {
                    found.accept(Scene.hint(
                            route.spec().get("rules").origin(),
                            ProblemCode.TLS_BACKEND_HTTP2,
                            backend.name()
                                    + " is reached by TLS and may choose HTTP/2: on Envoy a WebSocket then goes as"
                                    + " extended CONNECT, and fails where the backend knows no RFC 8441; here it goes by"
                                    + " HTTP/1.1",
                            "For Envoy, give WebSockets a port of their own with appProtocol: kubernetes.io/wss."));
                }
            }
        }
    }
}
