package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Route;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.translate.GatewayListener.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** The rules of TLSRoutes, TCPRoutes and UDPRoutes: one each, with the policy that holds there and its clusters. */
record L4Rules(Rules rules, List<Problem> problems) {
    private static final Comparator<Attachment> AGE = Comparator.comparing(
                    (Attachment a) -> a.route().creationTimestamp())
            .thenComparing(a -> a.route().ref().namespace())
            .thenComparing(a -> a.route().ref().name())
            .thenComparing(a -> a.route().ref().kind());

    /** The routes of one listener. Who wrote a name has it, else the longest wildcard, of those the oldest; of TCP and UDP there is but one to claim. */
    List<L4Route> of(GatewayListener listener, List<Attachment> attachments) {
        List<Attachment> byAge = attachments.stream().sorted(AGE).toList();
        Map<String, Attachment> holders = new HashMap<>();
        for (Attachment attachment : byAge) {
            for (String hostname : attachment.hostnames()) {
                holders.merge(
                        hostname,
                        attachment,
                        (first, other) -> other.closeness(hostname) > first.closeness(hostname) ? other : first);
            }
        }
        List<L4Route> out = new ArrayList<>();
        for (Attachment attachment : byAge) {
            List<String> free = new ArrayList<>();
            for (String hostname : attachment.hostnames()) {
                Attachment holder = Objects.requireNonNull(holders.get(hostname));
                if (holder == attachment) {
                    free.add(hostname);
                } else {
                    problems.add(taken(
                            listener,
                            attachment.route(),
                            hostname,
                            holder.route(),
                            holder.closeness(hostname) > attachment.closeness(hostname)));
                }
            }
            List<Field> rules = attachment.route().spec().get("rules").items();
            // Without a rule, which has been named as an error, there is nowhere to go.
            if (!free.isEmpty() && !rules.isEmpty()) {
                out.add(route(attachment, rules.getFirst(), free));
            }
        }
        rules.clusters().addFurther();
        return out;
    }

    /** @param closer the holder wrote a host name that comes closer, which is no conflict */
    private static Problem taken(
            GatewayListener listener, Resource route, String hostname, Resource holder, boolean closer) {
        String what = listener.protocol() == Protocol.TLS
                ? "name " + hostname + " of listener " + listener.name()
                : listener.protocol() + " listener " + listener.name();
        return Problem.at(
                route.spec().origin(),
                closer ? ProblemCode.ROUTE_SHADOWED : ProblemCode.CONFLICTED,
                Severity.WARNING,
                "Multiple routes on the same " + what + ": " + holder.ref().kind() + " "
                        + holder.ref().namespace() + "/" + holder.ref().name() + " has it"
                        + (closer ? ", whose host name comes closer" : ""),
                "Give each a listener" + (listener.protocol() == Protocol.TLS ? " or a name" : "") + " of its own.");
    }

    private L4Route route(Attachment attachment, Field rule, List<String> hostnames) {
        Resource resource = attachment.route();
        GatewayListener listener = attachment.listener();
        String ruleName = rule.get("name").text("");
        Optional<Field> policy = rules.traffic().rule(resource, ruleName, listener);
        Policies.Held held = rules.streams().held(resource, ruleName, listener);
        Optional<Field> streams = rules.streams().laid(held);
        String name = resource.ref().namespace() + "/" + resource.ref().name();
        String id = name + "/" + (ruleName.isEmpty() ? "0" : ruleName);
        SecurityPolicies.Admission admission = rules.security().ofConnections(resource, ruleName, listener);
        return new L4Route(
                id,
                name,
                hostnames,
                listener.refuses() || admission.refuses()
                        ? List.of(new L4Route.Destination("", 1, "not_carried_out"))
                        : destinations(attachment, rule, id, policy, streams),
                time(streams, "idleTimeout", listener.connection().idleTimeout()),
                time(streams, "maxLifetime", listener.connection().maxDuration()),
                StreamPolicies.rules(streams, rules.streams().around(held)),
                admission.authorization(),
                rule.origin());
    }

    private List<L4Route.Destination> destinations(
            Attachment attachment, Field rule, String id, Optional<Field> policy, Optional<Field> streams) {
        List<L4Route.Destination> out = new ArrayList<>();
        List<Field> refs = rule.get("backendRefs").items();
        for (int i = 0; i < refs.size(); i++) {
            Field ref = refs.get(i);
            int weight = (int) ref.get("weight").number(1);
            Optional<Cluster> cluster = rules.backends()
                    .cluster(
                            id + "/" + i,
                            attachment.route(),
                            attachment.listener().gateway(),
                            ref,
                            policy,
                            streams);
            boolean fallback = rules.backends().isFallback(attachment.route(), ref);
            out.add(
                    cluster.isEmpty()
                            ? new L4Route.Destination("", weight, "invalid_backend", fallback)
                            : new L4Route.Destination(
                                    rules.keep(cluster.get(), attachment.listener()), weight, "", fallback));
        }
        return out;
    }

    private static Duration time(Optional<Field> policy, String path, Duration otherwise) {
        return policy.map(p -> Durations.of(p.at(path), otherwise)).orElse(otherwise);
    }
}
