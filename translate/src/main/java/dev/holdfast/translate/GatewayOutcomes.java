package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What became of a Gateway or ListenerSet and of each of its listeners. */
final class GatewayOutcomes {
    private final Outcomes known;
    private final Map<String, GatewayListener> listeners;
    private final Map<GatewayListener, Integer> attached = new IdentityHashMap<>();

    GatewayOutcomes(Outcomes known, List<GatewayListener> listeners, List<Attachment> attachments) {
        this.known = known;
        this.listeners = listeners.stream()
                .collect(Collectors.toMap(GatewayListener::name, Function.identity(), (first, again) -> first));
        attachments.forEach(a -> attached.merge(a.listener(), 1, Integer::sum));
    }

    /** @param attachedSets of a Gateway, how many ListenerSets are attached to it and accepted */
    Outcome.OfGateway of(Resource gateway, Resource owner, int attachedSets) {
        List<Outcome.OfListener> out = new ArrayList<>();
        List<String> invalid = new ArrayList<>();
        boolean serves = false;
        for (Field field : owner.spec().get("listeners").items()) {
            Outcome.OfListener listener = listener(gateway, owner, field);
            out.add(listener);
            serves |= says(listener, "Programmed");
            if (!says(listener, "Accepted") || !says(listener, "ResolvedRefs")) {
                invalid.add(listener.name());
            }
        }
        boolean ofSet = owner.ref().kind().equals("ListenerSet");
        Conditions conditions = new Conditions();
        for (Problem problem : known.problems(owner)) {
            boolean refused = problem.fieldPath().equals("spec.parentRef");
            if ((problem.isError() || refused)
                    && !problem.fieldPath().startsWith("spec.listeners[")
                    && !ofFrontend(problem)) {
                conditions.add(problem, reason(problem), Conditions.text(problem));
            }
        }
        if (!ofSet && ClientCertificates.insecure(gateway)) {
            conditions.add(new Condition(
                    "InsecureFrontendValidationMode",
                    true,
                    "ConfigurationChanged",
                    "Clients are let in whose certificates do not hold (AllowInsecureFallback)."));
        }
        if (!ofSet && gateway.spec().at("tls.backend.clientCertificateRef").present()) {
            boolean all = out.stream().allMatch(l -> says(l, "ResolvedRefs"));
            conditions.otherwise(
                    "ResolvedRefs",
                    all,
                    all ? "ResolvedRefs" : "ListenersNotResolved",
                    all ? "All references have been resolved" : "References of listeners have not been resolved");
        }
        if (!invalid.isEmpty()) {
            conditions.otherwise(
                    "Accepted", serves, "ListenersNotValid", "Listeners not valid: " + String.join(", ", invalid));
        }
        conditions.otherwise(
                "Accepted", true, "Accepted", "The " + owner.ref().kind() + " has been scheduled by Holdfast");
        conditions.otherwise(
                "Programmed",
                serves,
                serves ? "Programmed" : ofSet ? conditions.reason("Accepted") : "Invalid",
                serves
                        ? "Sending translated configuration to the data plane"
                        : "No listener is valid, see their conditions for details.");
        return new Outcome.OfGateway(owner.ref(), conditions.list(), out, attachedSets);
    }

    /** A problem of the authorities that clients are checked by, which the listeners that check them tell. */
    private static boolean ofFrontend(Problem problem) {
        return problem.fieldPath().startsWith("spec.tls.frontend.")
                && problem.code().conditionType().equals("ResolvedRefs");
    }

    private static String reason(Problem problem) {
        return switch (problem.code()) {
            case CERTIFICATE_REF -> "InvalidClientCertificateRef";
            case NOT_ALLOWED -> "NotAllowed";
            default -> problem.code().conditionReason();
        };
    }

    private static boolean says(Outcome.OfListener listener, String type) {
        return listener.conditions().stream().anyMatch(c -> c.type().equals(type) && c.holds());
    }

    private Outcome.OfListener listener(Resource gateway, Resource owner, Field field) {
        String section = field.get("name").text("");
        String name = GatewayListener.name(gateway, owner, section);
        Optional<GatewayListener> made = Optional.ofNullable(listeners.get(name));
        Conditions conditions = new Conditions();
        for (Problem problem : known.below(owner, field.path())) {
            // A policy's conflict is told at the policy.
            if (!Outcomes.isHint(problem) && problem.code() != ProblemCode.CONFLICTED) {
                conditions.add(problem, problem.code().conditionReason(), text(problem, made));
            }
        }
        made.flatMap(GatewayListener::frontend).ifPresent(frontend -> frontend(gateway, frontend, conditions));
        if (conditions.says("Conflicted", true)) {
            conditions.add(new Condition(
                    "Accepted", false, conditions.reason("Conflicted"), "The listener conflicts with another."));
        }
        boolean programmed = made.isPresent() && made.get().serves() && !conditions.says("Accepted", false);
        return new Outcome.OfListener(
                section,
                RouteKinds.supported(field),
                made.map(l -> attached.getOrDefault(l, 0)).orElse(0),
                conditions
                        .otherwise("Accepted", true, "Accepted", "The listener has been accepted")
                        .otherwise("Conflicted", false, "NoConflicts", "The listener conflicts with no other")
                        .otherwise("ResolvedRefs", true, "ResolvedRefs", "All references have been resolved")
                        .otherwise(
                                "Programmed",
                                programmed,
                                programmed
                                        ? "Programmed"
                                        : owner.equals(gateway) || !conditions.says("Conflicted", true)
                                                ? "Invalid"
                                                : conditions.reason("Conflicted"),
                                programmed
                                        ? "Sending translated listener configuration to the data plane"
                                        : "Listener is invalid, see other Conditions for details.")
                        .list());
    }

    /** What is wrong with the authorities that a listener's clients are checked by; without any it is not accepted. */
    private void frontend(Resource gateway, Field frontend, Conditions conditions) {
        boolean none = true;
        for (Field ref : frontend.get("caCertificateRefs").items()) {
            List<Problem> problems = known.below(gateway, ref.path()).stream()
                    .filter(GatewayOutcomes::ofFrontend)
                    .toList();
            for (Problem problem : problems) {
                String reason = switch (problem.code()) {
                    case CERTIFICATE_REF -> "InvalidCACertificateRef";
                    case INVALID_KIND -> "InvalidCACertificateKind";
                    default -> problem.code().conditionReason();
                };
                conditions.add(problem, reason, Conditions.text(problem));
            }
            none &= !problems.isEmpty();
        }
        if (none) {
            conditions.add(new Condition(
                    "Accepted",
                    false,
                    "NoValidCACertificate",
                    "There is no certificate of an authority to check clients by."));
        }
    }

    /** Which reference a certificate's problem is of, and whether any other is left. */
    private static String text(Problem problem, Optional<GatewayListener> made) {
        int from = problem.fieldPath().indexOf("certificateRefs[");
        boolean certificate =
                problem.code() == ProblemCode.CERTIFICATE_REF || problem.code() == ProblemCode.REF_NOT_PERMITTED;
        if (from < 0 || !certificate) {
            return Conditions.text(problem);
        }
        String index = problem.fieldPath()
                .substring(from + "certificateRefs[".length())
                .split("]", 2)[0];
        boolean none = made.flatMap(GatewayListener::tls)
                .map(t -> t.certificates().isEmpty())
                .orElse(true);
        return (none ? "No valid secrets exist: " : "") + "certificate refs " + index + ": " + Conditions.text(problem);
    }
}
