package dev.holdfast.translate;

import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Whose tokens are taken. */
final class JwtFields {
    private JwtFields() {}

    static Optional<SecurityFilter> of(Field jwt, PolicyRefs refs, SideClusters side) {
        List<SecurityFilter.JwtProvider> providers = new ArrayList<>();
        for (Field provider : jwt.get("providers").items()) {
            Optional<SecurityFilter.Keys> keys = keys(provider, refs, side);
            if (keys.isEmpty()) {
                return Optional.empty();
            }
            providers.add(new SecurityFilter.JwtProvider(
                    provider.get("name").text(""),
                    provider.get("issuer").text(""),
                    CorsFields.texts(provider.get("audiences")),
                    keys.get(),
                    sources(provider.get("extractFrom")),
                    provider.get("claimToHeaders").items().stream()
                            .map(c -> new SecurityFilter.ClaimHeader(
                                    c.get("claim").text(""), c.get("header").text("")))
                            .toList(),
                    provider.get("recomputeRoute").flag(false)));
        }
        return providers.isEmpty()
                ? refs.invalid(jwt, "there is no provider", "Name one under providers.")
                : Optional.of(new SecurityFilter.JwtAuth(
                        providers,
                        jwt.get("optional").flag(false),
                        jwt.get("failOpen").flag(false)));
    }

    static List<Source> sources(Field from) {
        List<Source> out = new ArrayList<>();
        for (Field header : from.get("headers").items()) {
            out.add(new Source.Header(
                    header.get("name").text("").toLowerCase(Locale.ROOT),
                    header.get("valuePrefix").text("")));
        }
        CorsFields.texts(from.get("params")).forEach(p -> out.add(new Source.Parameter(p)));
        CorsFields.texts(from.get("cookies")).forEach(c -> out.add(new Source.Cookie(c)));
        return out;
    }

    private static Optional<SecurityFilter.Keys> keys(Field provider, PolicyRefs refs, SideClusters side) {
        Field local = provider.get("localJWKS");
        Field remote = provider.get("remoteJWKS");
        if (local.present() == remote.present()) {
            return refs.invalid(
                    provider, "the provider needs either remoteJWKS or localJWKS", "Say where its keys are.");
        }
        return local.present() ? local(local, refs) : remote(provider, remote, refs, side);
    }

    private static Optional<SecurityFilter.Keys> local(Field local, PolicyRefs refs) {
        String jwks;
        if (local.get("type").text("Inline").equals("ValueRef")) {
            Optional<Resource> source = refs.beside(local.get("valueRef"));
            if (source.isEmpty()) {
                return Optional.empty();
            }
            Map<String, String> data = new TreeMap<>(source.get().get("data").texts());
            data.putAll(source.get().get("stringData").texts());
            String key = data.containsKey("jwks") || data.isEmpty()
                    ? "jwks"
                    : data.keySet().iterator().next();
            jwks = Certificates.value(source.get(), key);
        } else {
            jwks = local.get("inline").text("");
        }
        return isKeySet(jwks)
                ? Optional.of(new SecurityFilter.Keys.Local(new SecretText(jwks)))
                : refs.invalid(local, "this is no JWK Set (RFC 7517 §5): {\"keys\": [{\"kty\": ...}]}", "Mend it.");
    }

    /** An object with keys, each of which says its kind; JSON is YAML. */
    private static boolean isKeySet(String json) {
        try {
            Object tree = new Load(LoadSettings.builder().build()).loadFromString(json);
            return tree instanceof Map<?, ?> map
                    && map.get("keys") instanceof List<?> keys
                    && !keys.isEmpty()
                    && keys.stream().allMatch(k -> k instanceof Map<?, ?> key && key.get("kty") instanceof String);
        } catch (YamlEngineException unreadable) {
            return false;
        }
    }

    private static Optional<SecurityFilter.Keys> remote(
            Field provider, Field remote, PolicyRefs refs, SideClusters side) {
        String text = remote.get("uri").text("");
        Optional<HttpUri> uri = HttpUri.parse(text);
        if (uri.isEmpty()) {
            return refs.invalid(remote.get("uri"), text + " is no http or https URI", "Write https://host/path.");
        }
        boolean named =
                remote.get("backendRefs").present() || remote.get("backendRef").present();
        Resource owner = refs.owner(remote);
        String name = "SecurityPolicy/" + owner.ref().namespace() + "/"
                + owner.ref().name() + "/jwt/" + provider.get("name").text("");
        Optional<String> cluster = named
                ? side.of(name, remote, false, refs)
                : Optional.of(side.of(uri.get(), remote.get("uri").origin()));
        return cluster.map(c -> new SecurityFilter.Keys.Remote(
                text,
                c,
                Durations.of(remote.get("cacheDuration"), Duration.ofSeconds(300)),
                Durations.of(remote.get("failedRefetchDuration"), Duration.ofSeconds(1))));
    }
}
