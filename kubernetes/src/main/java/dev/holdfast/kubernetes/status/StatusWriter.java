package dev.holdfast.kubernetes.status;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes each outcome to its resource by server-side apply, as a field manager of its own. Lists that controllers share are atomic
 * to the API, so they are written whole on the version they were read from: who comes second has to look again.
 */
public final class StatusWriter {
    public static final String FIELD_MANAGER = "holdfast-status";
    private static final Logger LOG = LoggerFactory.getLogger(StatusWriter.class);
    /** So many without an answer: one alone may be a slow admission webhook's. */
    private static final int AWAY = 3;

    private final KubernetesClient client;
    private final KubernetesSource source;
    private final Function<ResourceRef, List<String>> addresses;
    private final Predicate<ResourceRef> serves;
    private final String controller;
    private final boolean exposed;

    /** Kinds whose statuses were refused when last written, each with the answer: told once, not with every route and every turn. */
    private Set<String> told = Set.of();

    /** {@code addresses} gives those of a Gateway, as far as it has any yet, and {@code serves} whether anything carries its traffic. */
    public StatusWriter(
            KubernetesClient client,
            KubernetesSource source,
            Function<ResourceRef, List<String>> addresses,
            Predicate<ResourceRef> serves,
            String controller,
            boolean exposed) {
        this.client = client;
        this.source = source;
        this.addresses = addresses;
        this.serves = serves;
        this.controller = controller;
        this.exposed = exposed;
    }

    /** Writes what differs; true where all of it stands now, false where something has to be tried again. */
    public boolean write(ResourceSet set, List<Outcome> outcomes, Applied applied) {
        Wanted wanted = new Wanted(controller, applied, exposed, Features.SUPPORTED);
        String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        boolean all = true;
        Set<String> refusals = new HashSet<>();
        int unanswered = 0;
        for (Outcome outcome : outcomes) {
            if (Thread.currentThread().isInterrupted()) {
                return false;
            }
            try {
                all &= write(set, outcome, wanted, now);
            } catch (KubernetesClientException refused) {
                all = false;
                String what = outcome.resource().kind() + " " + refused.getCode();
                if (refusals.add(what) && !told.contains(what)) {
                    LOG.atWarn()
                            .addKeyValue("resource", outcome.resource())
                            .addKeyValue("reason", Reason.of(refused))
                            .log(
                                    "a status could not be written; it is tried again, and others of its kind are not told of");
                }
                if (refused.getCode() == 0 && ++unanswered == AWAY) {
                    // The API server is away: there is no use in going on for now.
                    break;
                }
            }
        }
        told = refusals;
        return all;
    }

    /** False where it is to be tried again on a newer version. */
    private boolean write(ResourceSet set, Outcome outcome, Wanted wanted, String now) {
        ResourceRef ref = outcome.resource();
        Optional<GenericKubernetesResource> current = source.current(ref);
        Optional<Resource> read = set.find(ref.kind(), ref.namespace(), ref.name());
        Optional<String> version = source.version(ref.kind());
        Optional<Kind> kind = Kind.of(ref.kind());
        if (current.isEmpty() || read.isEmpty() || version.isEmpty() || kind.isEmpty()) {
            return true;
        }
        long generation = read.get().fields().at("metadata.generation").number(0);
        Object before = current.get().getAdditionalProperties().get("status");
        boolean isGateway = ref.kind().equals("Gateway");
        Map<String, Object> status = wanted.of(
                outcome,
                new Conditions(generation, now),
                before,
                isGateway ? read.get().spec().get("addresses").items() : List.of(),
                isGateway ? addresses.apply(ref) : List.of(),
                !isGateway || serves.test(ref));
        if (stands(outcome, status, before)) {
            return true;
        }
        try {
            apply(kind.get(), version.get(), current.get(), status);
            return true;
        } catch (KubernetesClientException refused) {
            return switch (refused.getCode()) {
                case 404 -> true;
                case 409 -> false;
                default -> throw refused;
            };
        }
    }

    private void apply(Kind kind, String version, GenericKubernetesResource current, Map<String, Object> status) {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", current.getMetadata().getName());
        if (kind.namespaced()) {
            metadata.put("namespace", current.getMetadata().getNamespace());
        }
        if (status.containsKey("parents") || status.containsKey("ancestors")) {
            metadata.put("resourceVersion", current.getMetadata().getResourceVersion());
        }
        Map<String, Object> patch = new LinkedHashMap<>();
        patch.put("apiVersion", kind.apiVersion(version));
        patch.put("kind", kind.name());
        patch.put("metadata", metadata);
        patch.put("status", status);
        PatchContext how = new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(FIELD_MANAGER)
                .withForce(true)
                .build();
        GenericKubernetesResource item =
                client.getKubernetesSerialization().convertValue(patch, GenericKubernetesResource.class);
        var all = client.genericKubernetesResources(kind.context(version));
        (kind.namespaced()
                        ? all.inNamespace(current.getMetadata().getNamespace()).resource(item)
                        : all.resource(item))
                .subresource("status")
                .patch(how, item);
    }

    /** Whether the status already says all of this; conditions that others put beside ours do not matter. */
    private static boolean stands(Outcome outcome, Map<String, Object> status, @Nullable Object before) {
        Map<String, Object> was = Json.map(before);
        return switch (outcome) {
            case Outcome.OfResource whole ->
                conditions(status.get("conditions"), was.get("conditions"))
                        && (!status.containsKey("supportedFeatures")
                                || Json.same(status.get("supportedFeatures"), was.get("supportedFeatures")));
            case Outcome.OfGateway gateway ->
                conditions(status.get("conditions"), was.get("conditions"))
                        && Json.same(
                                status.getOrDefault("addresses", List.of()), was.getOrDefault("addresses", List.of()))
                        && Json.same(
                                status.getOrDefault("attachedListenerSets", 0),
                                was.getOrDefault("attachedListenerSets", 0))
                        && listeners(status.get("listeners"), was.get("listeners"));
            case Outcome.OfRoute route -> Json.same(status.get("parents"), was.getOrDefault("parents", List.of()));
            case Outcome.OfPolicy policy ->
                Json.same(status.get("ancestors"), was.getOrDefault("ancestors", List.of()));
        };
    }

    private static boolean conditions(@Nullable Object wanted, @Nullable Object was) {
        return Json.list(wanted).stream()
                .map(Json::map)
                .allMatch(c -> Json.entry(was, "type", String.valueOf(c.get("type")))
                        .map(b -> Json.same(b, c))
                        .orElse(false));
    }

    private static boolean listeners(@Nullable Object wanted, @Nullable Object was) {
        return Json.list(wanted).size() == Json.list(was).size()
                && Json.list(wanted).stream()
                        .map(Json::map)
                        .allMatch(l -> Json.entry(was, "name", String.valueOf(l.get("name")))
                                .map(b -> Json.same(l.get("supportedKinds"), b.get("supportedKinds"))
                                        && Json.same(l.get("attachedRoutes"), b.get("attachedRoutes"))
                                        && Json.list(l.get("conditions")).size()
                                                == Json.list(b.get("conditions"))
                                                        .size()
                                        && conditions(l.get("conditions"), b.get("conditions")))
                                .orElse(false));
    }
}
