package dev.holdfast.doctor.lint;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** What the manifests say of a backend: its name, its protocol, and whether it is reached by TLS. */
record BackendFacts(String name, String appProtocol, boolean tls, boolean offeredHttp2) {
    private static final Set<String> HTTP2 = Set.of("kubernetes.io/h2c", "gateway.envoyproxy.io/h2c", "grpc");

    /** Nothing says that it speaks HTTP/2. */
    boolean onlyHttp1() {
        return !tls && !HTTP2.contains(appProtocol);
    }

    boolean saysWebSocket() {
        String protocol = appProtocol.toLowerCase(Locale.ROOT);
        return protocol.endsWith("/ws") || protocol.endsWith("/wss");
    }

    static List<BackendFacts> of(Scene scene, Resource route) {
        List<BackendFacts> out = new ArrayList<>();
        for (Field rule : route.spec().get("rules").items()) {
            for (Field ref : rule.get("backendRefs").items()) {
                one(scene, route, ref).ifPresent(out::add);
            }
        }
        return out.stream().distinct().toList();
    }

    private static Optional<BackendFacts> one(Scene scene, Resource route, Field ref) {
        String kind = ref.get("kind").text("Service");
        String namespace = ref.get("namespace").text(route.ref().namespace());
        String name = ref.get("name").text("");
        return scene.set().find(kind, namespace, name).map(found -> {
            String label = kind + " " + namespace + "/" + name;
            if (kind.equals("Backend")) {
                String protocol = found.spec().get("appProtocols").items().stream()
                        .map(p -> p.text(""))
                        .findFirst()
                        .orElse("");
                List<String> alpn = found.spec().at("tls.alpnProtocols").items().stream()
                        .map(p -> p.text(""))
                        .toList();
                return new BackendFacts(
                        label, protocol, found.spec().get("tls").present(), alpn.isEmpty() || alpn.contains("h2"));
            }
            String protocol = found.spec().get("ports").items().stream()
                    .filter(p -> p.get("port").text("").equals(ref.get("port").text("")))
                    .map(p -> p.get("appProtocol").text(""))
                    .findFirst()
                    .orElse("");
            return new BackendFacts(label, protocol, scene.byTls(namespace, name), true);
        });
    }
}
