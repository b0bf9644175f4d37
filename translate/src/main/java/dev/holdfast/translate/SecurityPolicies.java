package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What guards a rule: the SecurityPolicy that holds there, and filters of the rule that do the same. Where any part of a
 * policy is wrong or is not carried out, nothing passes.
 */
record SecurityPolicies(
        ResourceSet set, Grants grants, Policies policies, SideClusters side, Places places, List<Problem> problems) {
    /** Of a policy's spec, what does not guard. */
    private static final Set<String> NO_GUARDS = Set.of("targetRef", "targetRefs", "targetSelectors", "mergeType");

    /**
     * The filters of a rule.
     *
     * @param entry before the traffic policy's own
     * @param authorization after them, for it asks who came
     * @param refuses whether nothing may pass; then there are no filters
     */
    record Guard(List<HttpFilter> entry, List<HttpFilter> authorization, boolean refuses) {
        static final Guard NONE = new Guard(List.of(), List.of(), false);
        static final Guard REFUSES = new Guard(List.of(), List.of(), true);
    }

    Guard of(Resource route, Field rule, GatewayListener listener) {
        String name = rule.get("name").text("");
        Policies.Held held = policies.held(route, name, listener);
        Optional<Field> policy = policies.laid(held);
        if (policy.isEmpty() && rule.get("filters").items().isEmpty()) {
            return Guard.NONE;
        }
        Parts parts = new Parts(
                new PolicyRefs(set, grants, Policies.policies(held), problems),
                side,
                () -> places.databases(listener.gateway()),
                new ArrayList<>());
        List<HttpFilter> authorization = new ArrayList<>();
        cors(rule, policy).ifPresent(parts.filters::add);
        if (!external(route, rule, parts)) {
            return Guard.REFUSES;
        }
        if (policy.isPresent()) {
            for (Field field : fields(policy.get())) {
                if (!parts.takes(policy.get(), field, authorization)) {
                    return Guard.REFUSES;
                }
            }
        }
        return new Guard(parts.filters, authorization, false);
    }

    /**
     * Of the clients of connections.
     *
     * @param refuses whether nothing may pass
     */
    record Admission(Optional<SecurityFilter.Authorization> authorization, boolean refuses) {}

    /** What of a policy for connections is not authorization guards nothing, unless the policy names the route itself. */
    Admission ofConnections(Resource route, String rule, GatewayListener listener) {
        Optional<Field> policy = policies.rule(route, rule, listener);
        if (policy.isEmpty()) {
            return new Admission(Optional.empty(), false);
        }
        List<Resource> layers = Policies.policies(policies.held(route, rule, listener));
        PolicyRefs refs = new PolicyRefs(set, grants, layers, problems, "what the policy guards takes no connections");
        Optional<Field> other = policies.narrow(route, rule).stream()
                .flatMap(own -> fields(own).stream())
                .filter(field -> !field.path().endsWith(".authorization"))
                .findFirst();
        if (other.isPresent()) {
            refs.invalid(other.get(), "only authorization is supported for TCP", "Remove it.");
            return new Admission(Optional.empty(), true);
        }
        Field authorization = policy.get().get("authorization");
        Optional<SecurityFilter.Authorization> made =
                authorization.present() ? AuthorizationFields.ofConnections(authorization, refs) : Optional.empty();
        return new Admission(made, authorization.present() && made.isEmpty());
    }

    /** The rule's own filter, being nearer, comes before the policy's. */
    private static Optional<SecurityFilter> cors(Field rule, Optional<Field> policy) {
        return rule.get("filters").items().stream()
                .filter(f -> f.get("type").text("").equals("CORS"))
                .map(f -> CorsFields.ofRoute(f.get("cors")))
                .findFirst()
                .or(() -> policy.map(p -> p.get("cors")).filter(Field::present).map(CorsFields::ofPolicy));
    }

    /** The rule's own ExternalAuth filters; false where one cannot be carried out. */
    private boolean external(Resource route, Field rule, Parts parts) {
        PolicyRefs refs = new PolicyRefs(set, grants, List.of(route), problems);
        String name =
                route.ref().namespace() + "/" + route.ref().name() + rule.path().substring("spec".length());
        for (Field filter : rule.get("filters").items()) {
            if (filter.get("type").text("").equals("ExternalAuth")) {
                Optional<SecurityFilter> made = ExtAuthFields.ofRoute(filter.get("externalAuth"), name, refs, side);
                if (made.isEmpty()) {
                    return false;
                }
                parts.filters.add(made.get());
            }
        }
        return true;
    }

    /** In the order in which Envoy Gateway's filters see a request. */
    private static List<Field> fields(Field policy) {
        List<Field> out = new ArrayList<>();
        List<String> order =
                List.of("cors", "csrf", "extAuth", "apiKeyAuth", "basicAuth", "oidc", "jwt", "authorization");
        order.forEach(name -> out.add(policy.get(name)));
        policy.names().stream()
                .filter(n -> !order.contains(n) && !NO_GUARDS.contains(n))
                .forEach(n -> out.add(policy.get(n)));
        return out.stream().filter(Field::present).toList();
    }

    private record Parts(
            PolicyRefs refs,
            SideClusters side,
            Supplier<Optional<SecurityFilter.PlaceDatabases>> databases,
            List<HttpFilter> filters) {
        /** False where the field cannot be carried out. */
        boolean takes(Field policy, Field field, List<HttpFilter> authorization) {
            String name = field.path().substring(field.path().lastIndexOf('.') + 1);
            Optional<? extends SecurityFilter> filter = switch (name) {
                case "csrf" -> Optional.of(CorsFields.csrf(field));
                case "apiKeyAuth" -> CredentialFields.apiKeys(field, refs);
                case "basicAuth" -> CredentialFields.passwords(field, refs);
                case "extAuth" -> ExtAuthFields.ofPolicy(field, refs, side);
                case "oidc" -> OidcFields.of(field, policy.get("jwt"), refs, side);
                case "jwt" -> JwtFields.of(field, refs, side);
                case "authorization" -> AuthorizationFields.of(field, refs, databases);
                case "cors" -> Optional.empty();
                default -> refs.notCarriedOut(field);
            };
            filter.ifPresent((name.equals("authorization") ? authorization : filters)::add);
            return filter.isPresent() || name.equals("cors");
        }
    }
}
