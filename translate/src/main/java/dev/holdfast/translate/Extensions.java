package dev.holdfast.translate;

import dev.holdfast.plan.Extension;
import dev.holdfast.plan.Extension.ExtProc;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The EnvoyExtensionPolicy that holds at a rule, in Envoy Gateway's order: Lua, external processors, WebAssembly, modules. Code
 * may be what guards a route, so where a part of it is wrong or is not carried out nothing passes.
 *
 * @param envoy whether Envoys carry the plan out; no other plane runs such code
 */
record Extensions(
        ResourceSet set, Grants grants, Policies policies, SideClusters side, boolean envoy, List<Problem> problems) {
    private static final String KEY = "lua";

    /** Empty where a part cannot be carried out. */
    Optional<List<HttpFilter>> of(Resource route, String rule, GatewayListener listener) {
        if (!envoy) {
            return Optional.of(List.of());
        }
        Policies.Held held = policies.held(route, rule, listener);
        Optional<Field> policy = policies.laid(held);
        if (policy.isEmpty()) {
            return Optional.of(List.of());
        }
        PolicyRefs refs = new PolicyRefs(set, grants, Policies.policies(held), problems);
        List<Optional<? extends HttpFilter>> made = new ArrayList<>();
        policy.get().get("lua").items().forEach(f -> made.add(lua(f, refs)));
        List<Field> processors = policy.get().get("extProc").items();
        for (int i = 0; i < processors.size(); i++) {
            made.add(extProc(processors.get(i), i, refs));
        }
        policy.get().get("wasm").items().forEach(f -> made.add(wasm(f, refs)));
        policy.get().get("dynamicModule").items().forEach(f -> made.add(module(f, refs)));
        List<HttpFilter> out = new ArrayList<>();
        made.forEach(m -> m.ifPresent(out::add));
        return out.size() == made.size() ? Optional.of(out) : Optional.empty();
    }

    Optional<List<HttpFilter>> after(Optional<List<HttpFilter>> others, Optional<List<HttpFilter>> extensions) {
        if (others.isEmpty() || extensions.isEmpty() || extensions.get().isEmpty()) {
            return extensions.isEmpty() ? extensions : others;
        }
        List<HttpFilter> out = new ArrayList<>(others.get());
        out.addAll(extensions.get());
        return Optional.of(out);
    }

    private static Optional<Extension> lua(Field lua, PolicyRefs refs) {
        String context = json(lua.get("filterContext"));
        if (!lua.get("type").text("Inline").equals("ValueRef")) {
            return lua.get("inline").text("").isEmpty()
                    ? refs.invalid(lua, "there is no code", "Write it under inline.")
                    : Optional.of(new Extension.Lua(lua.get("inline").text(""), context));
        }
        Optional<Resource> source = refs.beside(lua.get("valueRef"));
        if (source.isEmpty()) {
            return Optional.empty();
        }
        List<String> names = source.get().get("data").names();
        String key = names.contains(KEY) || names.isEmpty() ? KEY : names.getFirst();
        String code = Certificates.value(source.get(), key);
        return code.isEmpty()
                ? refs.invalid(lua.get("valueRef"), "there is no code in it", "Put it under the key " + KEY + ".")
                : Optional.of(new Extension.Lua(code, context));
    }

    private Optional<Extension> extProc(Field processor, int number, PolicyRefs refs) {
        Resource owner = refs.owner(processor);
        String name = "EnvoyExtensionPolicy/" + owner.ref().namespace() + "/"
                + owner.ref().name() + "/extProc/" + number;
        Field mode = processor.get("processingMode");
        return side.of(name, processor, true, refs)
                .map(cluster -> new ExtProc(
                        cluster,
                        processor.get("failOpen").flag(false),
                        Durations.of(processor.get("messageTimeout"), Duration.ZERO),
                        part(mode.get("request")),
                        part(mode.get("response")),
                        mode.get("allowModeOverride").flag(false),
                        processor.get("shadowMode").flag(false),
                        (int) processor.get("statusOnError").number(0),
                        CorsFields.texts(processor.at("metadata.accessibleNamespaces")),
                        CorsFields.texts(processor.at("metadata.writableNamespaces"))));
    }

    private static Optional<ExtProc.Part> part(Field part) {
        return part.present()
                ? Optional.of(new ExtProc.Part(
                        switch (part.get("body").text("")) {
                            case "Streamed" -> ExtProc.Body.STREAMED;
                            case "Buffered" -> ExtProc.Body.BUFFERED;
                            case "BufferedPartial" -> ExtProc.Body.BUFFERED_PARTIAL;
                            case "FullDuplexStreamed" -> ExtProc.Body.FULL_DUPLEX_STREAMED;
                            default -> ExtProc.Body.NONE;
                        },
                        CorsFields.texts(part.get("attributes"))))
                : Optional.empty();
    }

    /** Envoy fetches code by itself only where it knows what it must be; who fetched an image for it would be us. */
    private Optional<Extension> wasm(Field wasm, PolicyRefs refs) {
        Field code = wasm.get("code");
        Field http = code.get("http");
        if (!code.get("type").text("").equals("HTTP")) {
            return refs.notCarriedOut(code.get("type"));
        }
        if (http.get("tls").present()) {
            return refs.notCarriedOut(http.get("tls"));
        }
        if (http.get("sha256").text("").isEmpty()) {
            return refs.invalid(http, "Envoy fetches code only where its sha256 is named", "Name it.");
        }
        Optional<HttpUri> uri = HttpUri.parse(http.get("url").text(""));
        if (uri.isEmpty()) {
            return refs.invalid(http.get("url"), "this is no URL", "Begin it with http:// or https://.");
        }
        Resource owner = refs.owner(wasm);
        return Optional.of(new Extension.Wasm(
                wasm.get("name")
                        .text(owner.ref().namespace() + "/" + owner.ref().name() + "/" + wasm.path()),
                wasm.get("rootID").text(""),
                http.get("url").text(""),
                side.of(uri.get(), http.get("url").origin()),
                http.get("sha256").text(""),
                json(wasm.get("config")),
                wasm.get("failOpen").flag(false),
                CorsFields.texts(wasm.at("env.hostKeys"))));
    }

    private static Optional<Extension> module(Field module, PolicyRefs refs) {
        return module.get("terminalFilter").flag(false)
                ? refs.notCarriedOut(module.get("terminalFilter"))
                : Optional.of(new Extension.DynamicModule(
                        module.get("name").text(""),
                        module.get("filterName").text(module.get("name").text("")),
                        json(module.get("config"))));
    }

    private static String json(Field field) {
        return field.node() == null ? "" : Patches.json(field.node());
    }
}
