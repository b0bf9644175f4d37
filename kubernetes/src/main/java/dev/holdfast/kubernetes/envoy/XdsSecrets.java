package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.client.Written;
import dev.holdfast.kubernetes.envoy.Certificates.Pair;
import dev.holdfast.kubernetes.gateway.Names;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The Secrets of xDS: the authorities (read by nobody but us), what the control plane shows, and for each fleet what its Envoys show.
 * The leader makes and renews them; each replica takes up what it is to show.
 */
final class XdsSecrets {
    static final String AUTHORITY = "holdfast-xds-authority";
    static final String SERVER = "holdfast-xds";

    private final Ours ours;
    private final Written written;
    private final EnvoyPods pods;
    private final String namespace;
    private final InstantSource clock;
    /** Written, and not yet seen by our watch: what is made must not be made twice. */
    private final Map<String, Map<String, String>> unseen = new ConcurrentHashMap<>();

    private EnvoyPods.@Nullable Shown shown;

    XdsSecrets(Ours ours, Written written, EnvoyPods pods, String namespace, InstantSource clock) {
        this.ours = ours;
        this.written = written;
        this.pods = pods;
        this.namespace = namespace;
        this.clock = clock;
    }

    /** Shows what the Secret holds from now on, where that is something else than before. */
    synchronized void show() {
        Map<String, String> data = data(SERVER);
        EnvoyPods.Shown now = new EnvoyPods.Shown(
                data.getOrDefault("ca.crt", ""),
                new Pair(data.getOrDefault("tls.crt", ""), data.getOrDefault("tls.key", "")));
        if (!data.isEmpty() && !now.equals(shown)) {
            shown = now;
            pods.renewed().accept(now);
        }
    }

    /** Of the leader: the authorities as they are due, written where they were not; empty where that has to be tried again. */
    Optional<Authorities> authorities() {
        Optional<Authorities> there = Authorities.read(data(AUTHORITY));
        Authorities due = there.map(a -> a.at(clock.instant())).orElseGet(() -> Authorities.begin(clock.instant()));
        return write(AUTHORITY, due.data(), Map.of(), Map.of()) ? Optional.of(due) : Optional.empty();
    }

    boolean server(Authorities by) {
        return leaf(
                SERVER,
                by,
                signing -> Certificates.server(
                        signing,
                        Stream.concat(Stream.of(pods.serverName()), EnvoyPods.names(pods.service(), namespace).stream())
                                .distinct()
                                .toList(),
                        clock.instant()),
                Map.of(),
                Map.of());
    }

    /** @param owner with whom it goes */
    boolean fleet(String group, Authorities by, Map<String, String> labels, Map<String, Object> owner) {
        return leaf(
                Names.object(group),
                by,
                signing -> Certificates.client(signing, pods.fleetUri() + group, clock.instant()),
                labels,
                owner);
    }

    private boolean leaf(
            String name,
            Authorities by,
            Function<Pair, Pair> make,
            Map<String, String> labels,
            Map<String, Object> owner) {
        Map<String, String> there = data(name);
        String certificate = there.getOrDefault("tls.crt", "");
        boolean good = there.containsKey("tls.key")
                && Certificates.signedBy(certificate, by.signing().certificate())
                && !Certificates.ages(certificate, clock.instant());
        Pair pair = good ? new Pair(certificate, there.getOrDefault("tls.key", "")) : make.apply(by.signing());
        Map<String, String> data = new TreeMap<>(owner.isEmpty() ? Map.of() : pods.files());
        data.put("ca.crt", by.trusted());
        data.put("tls.crt", pair.certificate());
        data.put("tls.key", pair.key());
        return write(name, data, labels, owner);
    }

    private boolean write(
            String name, Map<String, String> data, Map<String, String> labels, Map<String, Object> owner) {
        Map<String, Object> encoded = new TreeMap<>();
        data.forEach((key, text) ->
                encoded.put(key, Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8))));
        Map<String, Object> all = new TreeMap<>(labels);
        all.put(Names.MANAGED_BY, "holdfast");
        Map<String, Object> object = EnvoyObjects.object(Ours.Type.SECRET, name, namespace, all, Map.of(), owner);
        object.put("type", "kubernetes.io/tls");
        object.put("data", encoded);
        GenericKubernetesResource there = ours.find(Ours.Type.SECRET, name).orElse(null);
        if (there != null && name.equals(AUTHORITY)) {
            // Two who think that they lead must not each sign with an authority of their own: who is second looks
            // again.
            Map<String, Object> metadata = new LinkedHashMap<>(Json.map(object.get("metadata")));
            metadata.put("resourceVersion", there.getMetadata().getResourceVersion());
            object.put("metadata", metadata);
        }
        boolean done = written.apply(Ours.Type.SECRET.context(), object, there);
        if (done && there == null) {
            unseen.put(name, data);
        }
        return done;
    }

    private Map<String, String> data(String name) {
        Map<String, String> out = new TreeMap<>();
        Optional<GenericKubernetesResource> there = ours.find(Ours.Type.SECRET, name);
        if (there.isEmpty()) {
            return unseen.getOrDefault(name, Map.of());
        }
        unseen.remove(name);
        there.map(s -> Json.map(s.getAdditionalProperties().get("data")))
                .ifPresent(data -> data.forEach((key, value) -> {
                    try {
                        out.put(key, new String(Base64.getDecoder().decode(value.toString()), StandardCharsets.UTF_8));
                    } catch (IllegalArgumentException rubbish) {
                        // As if it were not there: it is made anew.
                    }
                }));
        return out;
    }
}
