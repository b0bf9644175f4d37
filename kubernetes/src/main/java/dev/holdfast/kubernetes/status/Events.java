package dev.holdfast.kubernetes.status;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.MicroTime;
import io.fabric8.kubernetes.api.model.events.v1.Event;
import io.fabric8.kubernetes.api.model.events.v1.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Problems as Events of the resources that they are about (events.k8s.io/v1), for {@code kubectl describe} and {@code kubectl get
 * events}. One for each problem for as long as it lasts, and once more each hour, for the API server forgets them by then.
 */
public final class Events {
    private static final Logger LOG = LoggerFactory.getLogger(Events.class);
    private static final Duration AGAIN = Duration.ofHours(1);
    /** At one go; a thousand broken routes are not to be a thousand writes at once. */
    private static final int AT_ONCE = 20;

    private static final int LONGEST_NAME = 200;
    private static final int LONGEST_NOTE = 1_000;
    private static final DateTimeFormatter MICROS = DateTimeFormatter.ofPattern(
                    "uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private final KubernetesClient client;
    private final KubernetesSource source;
    private final String controller;
    private final String instance;
    private final Map<String, Instant> told = new HashMap<>();
    private boolean refused;

    /** {@code instance}: which of our replicas tells. */
    public Events(KubernetesClient client, KubernetesSource source, String controller, String instance) {
        this.client = client;
        this.source = source;
        this.controller = controller;
        this.instance = instance;
    }

    /** Tells what has not been told; true where nothing is left to be told later. */
    public boolean write(List<Problem> problems) {
        Instant now = Instant.now();
        Map<String, Problem> wanted = problems.stream()
                .filter(p -> p.severity() != Severity.INFO && p.resource().isPresent())
                .collect(Collectors.toMap(Events::name, p -> p, (first, same) -> first));
        told.keySet().retainAll(wanted.keySet());
        int written = 0;
        for (Map.Entry<String, Problem> entry : wanted.entrySet()) {
            Instant before = told.get(entry.getKey());
            if (before != null && Duration.between(before, now).compareTo(AGAIN) < 0) {
                continue;
            }
            if (written++ == AT_ONCE) {
                return false;
            }
            if (!tell(entry.getKey(), entry.getValue(), now)) {
                return true;
            }
            told.put(entry.getKey(), now);
        }
        return true;
    }

    /** The same for the same problem of the same resource, so that a new leader repeats none. */
    private static String name(Problem problem) {
        String of = problem.resource().map(ResourceRef::name).orElse("");
        return of.substring(0, Math.min(of.length(), LONGEST_NAME)) + "."
                + Integer.toHexString(
                        Arrays.hashCode(new Object[] {problem.code().name(), problem.fieldPath(), problem.message()}));
    }

    /** False where there is no use in going on for now. */
    private boolean tell(String name, Problem problem, Instant now) {
        ResourceRef ref = problem.resource().orElseThrow();
        Optional<GenericKubernetesResource> current = source.current(ref);
        Optional<Kind> kind = Kind.of(ref.kind());
        if (current.isEmpty() || kind.isEmpty()) {
            return true;
        }
        String namespace = ref.namespace().isEmpty() ? "default" : ref.namespace();
        Event event = new EventBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withEventTime(new MicroTime(MICROS.format(now)))
                .withReportingController(controller)
                .withReportingInstance(instance)
                .withType("Warning")
                .withReason(reason(problem))
                .withAction("Translate")
                .withNote(note(problem))
                .withNewRegarding()
                .withApiVersion(kind.get().apiVersion(source.version(ref.kind()).orElse("v1")))
                .withKind(ref.kind())
                .withNamespace(ref.namespace().isEmpty() ? null : ref.namespace())
                .withName(ref.name())
                .withUid(current.get().getMetadata().getUid())
                .endRegarding()
                .build();
        try {
            client.events().v1().events().inNamespace(namespace).resource(event).create();
            refused = false;
            return true;
        } catch (KubernetesClientException e) {
            // There already, or its namespace is going.
            if (e.getCode() == 409 || e.getCode() == 404) {
                return true;
            }
            if (!refused) {
                refused = true;
                LOG.atWarn().addKeyValue("reason", Reason.of(e)).log("events cannot be written");
            }
            return false;
        }
    }

    /** The problem's code as Kubernetes writes reasons. */
    private static String reason(Problem problem) {
        return Arrays.stream(problem.code().name().split("_"))
                .map(w -> w.charAt(0) + w.substring(1).toLowerCase(Locale.ROOT))
                .collect(Collectors.joining());
    }

    private static String note(Problem problem) {
        String text = (problem.fieldPath().isEmpty() ? "" : problem.fieldPath() + ": ") + problem.message() + ". "
                + problem.fix();
        return text.length() <= LONGEST_NOTE ? text : text.substring(0, LONGEST_NOTE) + "…";
    }
}
