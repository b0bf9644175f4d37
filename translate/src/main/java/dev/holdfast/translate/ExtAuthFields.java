package dev.holdfast.translate;

import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** A server that decides: a policy's, or that of a route's filter. */
final class ExtAuthFields {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);

    private ExtAuthFields() {}

    static Optional<SecurityFilter> ofPolicy(Field auth, PolicyRefs refs, SideClusters side) {
        boolean grpc = auth.get("grpc").present();
        Field service = auth.get(grpc ? "grpc" : "http");
        if (grpc == auth.get("http").present()) {
            return refs.invalid(auth, "one of grpc or http is needed", "Name one.");
        }
        Resource owner = refs.owner(service);
        String name =
                "SecurityPolicy/" + owner.ref().namespace() + "/" + owner.ref().name() + "/extAuth";
        Optional<String> cluster = side.of(name, service, grpc, refs);
        Optional<Map<String, SecretText>> context = context(auth, refs);
        if (cluster.isEmpty() || context.isEmpty()) {
            return Optional.empty();
        }
        SecurityFilter.AuthServer server = grpc
                ? new SecurityFilter.AuthServer.Grpc(cluster.get(), cluster.get())
                : new SecurityFilter.AuthServer.Http(
                        cluster.get(),
                        service.get("pathOverride").text(service.get("path").text("")),
                        service.get("pathOverride").present(),
                        lower(service.get("headersToBackend")));
        return Optional.of(new SecurityFilter.ExtAuth(
                server,
                lower(auth.get("headersToExtAuth")),
                (int) auth.at("bodyToExtAuth.maxRequestBytes").number(0),
                auth.get("failOpen").flag(false),
                Durations.of(auth.get("timeout"), TIMEOUT),
                (int) auth.get("statusOnError").number(403),
                auth.get("recomputeRoute").flag(false),
                context.get()));
    }

    /** Gateway API, HTTPExternalAuthFilter (GEP-1494). */
    static Optional<SecurityFilter> ofRoute(Field auth, String rule, PolicyRefs refs, SideClusters side) {
        boolean grpc = auth.get("protocol").text("").equals("GRPC");
        Optional<String> cluster = side.of("ExternalAuth/" + rule, auth, grpc, refs);
        Field http = auth.get("http");
        return cluster.map(c -> new SecurityFilter.ExtAuth(
                grpc
                        ? new SecurityFilter.AuthServer.Grpc(c, c)
                        : new SecurityFilter.AuthServer.Http(
                                c, http.get("path").text(""), false, lower(http.get("allowedResponseHeaders"))),
                lower(auth.get(grpc ? "grpc" : "http").get("allowedHeaders")),
                (int) auth.at("forwardBody.maxSize").number(0),
                false,
                TIMEOUT,
                403,
                false,
                Map.of()));
    }

    private static Optional<Map<String, SecretText>> context(Field auth, PolicyRefs refs) {
        Map<String, SecretText> out = new TreeMap<>();
        for (Field extension : auth.get("contextExtensions").items()) {
            String value = extension.get("value").text("");
            if (extension.get("type").text("Value").equals("ValueRef")) {
                Field ref = extension.get("valueRef");
                Optional<Resource> source = refs.beside(ref);
                if (source.isEmpty()) {
                    return Optional.empty();
                }
                value = Certificates.value(source.get(), ref.get("key").text(""));
                if (value.isEmpty()) {
                    return refs.invalid(
                            ref, "there is no value under " + ref.get("key").text(""), "Add it.");
                }
            }
            out.put(extension.get("name").text(""), new SecretText(value));
        }
        return Optional.of(out);
    }

    private static List<String> lower(Field list) {
        return CorsFields.texts(list).stream()
                .map(t -> t.toLowerCase(Locale.ROOT))
                .toList();
    }
}
