package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.translate.Policies.Claim;
import dev.holdfast.translate.Policies.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Which policies a narrower one replaces or is laid over: the same words for people and for status. */
final class Overrides {
    private final Policies policies;
    private final Map<Claim, Places> replaced = new LinkedHashMap<>();
    private final Map<Claim, Places> merged = new LinkedHashMap<>();
    private final Set<Remark> remarks = new LinkedHashSet<>();

    /** What is to be said of a policy where one of its targets is concerned. */
    record Remark(Claim claim, Condition condition) {}

    /** Where a policy does not hold alone, by name. */
    private record Places(Set<String> listeners, Set<String> routes, Set<String> rules) {
        Places() {
            this(new TreeSet<>(), new TreeSet<>(), new TreeSet<>());
        }
    }

    private Overrides(Policies policies) {
        this.policies = policies;
    }

    static List<Remark> of(
            Policies policies, List<GatewayListener> listeners, List<Attachment> attachments, List<Problem> problems) {
        if (policies.claims().isEmpty()) {
            return List.of();
        }
        Overrides pass = new Overrides(policies);
        listeners.forEach(pass::listener);
        boolean ofRoutes =
                policies.claims().stream().anyMatch(c -> !c.target().kind().equals("Gateway"));
        if (ofRoutes && !policies.kind().equals("ClientTrafficPolicy")) {
            attachments.forEach(pass::route);
        }
        pass.replaced.forEach((claim, places) -> pass.overridden(claim, pass.text(places), problems));
        pass.merged.forEach((claim, places) -> pass.remark(
                claim,
                "Merged",
                "This policy is being merged by other " + pass.plural() + " for these routes: "
                        + bracketed(places.routes)));
        return List.copyOf(pass.remarks);
    }

    private void listener(GatewayListener listener) {
        Optional<Claim> own = policies.at(Target.of(listener.owner(), listener.section()));
        Optional<Claim> whole =
                policies.at(Target.of(listener.owner(), "")).or(() -> policies.at(Target.of(listener.gateway(), "")));
        if (own.isPresent() && whole.isPresent() && differ(own.get(), whole.get())) {
            replaced.computeIfAbsent(whole.get(), w -> new Places()).listeners.add(listener.section());
        }
    }

    private void route(Attachment attachment) {
        String name = attachment.route().ref().namespace() + "/"
                + attachment.route().ref().name();
        Optional<Claim> route = policies.at(Target.of(attachment.route(), ""));
        Optional<Claim> wider = policies.wider(attachment.listener());
        route.ifPresent(own -> wider.ifPresent(base -> lay(own, base, name)));
        for (Field rule : attachment.route().spec().get("rules").items()) {
            String section = rule.get("name").text("");
            Optional<Claim> own =
                    section.isEmpty() ? Optional.empty() : policies.at(Target.of(attachment.route(), section));
            if (own.isPresent() && route.isPresent() && differ(own.get(), route.get())) {
                replaced.computeIfAbsent(route.get(), r -> new Places()).rules.add(name + "/" + section);
            }
            own.ifPresent(narrow -> wider.ifPresent(base -> lay(narrow, base, name)));
        }
    }

    private void lay(Claim narrow, Claim wide, String route) {
        if (!differ(narrow, wide) || Policies.L4.contains(narrow.target().kind())) {
            return;
        }
        if (!narrow.policy().spec().get("mergeType").present()) {
            replaced.computeIfAbsent(wide, w -> new Places()).routes.add(route);
            return;
        }
        merged.computeIfAbsent(wide, w -> new Places()).routes.add(route);
        remark(
                narrow,
                "Merged",
                "Merged with policy " + wide.policy().ref().namespace() + "/"
                        + wide.policy().ref().name());
    }

    private static boolean differ(Claim a, Claim b) {
        return !a.policy().ref().equals(b.policy().ref());
    }

    private String text(Places places) {
        if (policies.kind().equals("ClientTrafficPolicy")) {
            return "There are existing ClientTrafficPolicies that are overriding these sections "
                    + bracketed(places.listeners);
        }
        if (!places.rules.isEmpty()) {
            return "This policy is being overridden by other " + lower() + " for these route rules: "
                    + bracketed(places.rules);
        }
        List<String> parts = new ArrayList<>();
        if (!places.listeners.isEmpty()) {
            parts.add("these gateway listeners: " + bracketed(places.listeners));
        }
        if (!places.routes.isEmpty()) {
            parts.add("these routes: " + bracketed(places.routes));
        }
        return "This policy is being overridden by other " + plural() + " for " + String.join(" and ", parts);
    }

    private static String bracketed(Set<String> names) {
        return names.stream().collect(Collectors.joining(" ", "[", "]"));
    }

    private String lower() {
        return policies.kind().substring(0, 1).toLowerCase(Locale.ROOT)
                + policies.kind().substring(1);
    }

    private String plural() {
        return lower().substring(0, lower().length() - 1) + "ies";
    }

    private void overridden(Claim claim, String message, List<Problem> problems) {
        Problem problem = Problem.at(
                claim.at().origin(),
                ProblemCode.OVERRIDDEN,
                Severity.INFO,
                message,
                policies.kind().equals("ClientTrafficPolicy")
                        ? "Nothing of it holds there; repeat in the narrower policy what is to hold."
                        : (limitsListener(claim)
                                        ? "Of it only " + StreamPolicies.PER_LISTENER + " holds for routes there"
                                        : "Nothing of it holds there")
                                + "; to lay the narrower policy over this one, give it mergeType: StrategicMerge.");
        problems.add(problem);
        remarks.add(new Remark(claim, new Condition("Overridden", true, "Overridden", Conditions.text(problem))));
    }

    /** Whether the policy says what a narrower one of a route does not replace. */
    private static boolean limitsListener(Claim claim) {
        return claim.policy().ref().kind().equals("StreamPolicy")
                && claim.policy().spec().at(StreamPolicies.PER_LISTENER).present()
                && !claim.at().get("kind").text("").endsWith("Route");
    }

    private void remark(Claim claim, String type, String message) {
        remarks.add(new Remark(claim, new Condition(type, true, type, message + ".")));
    }
}
