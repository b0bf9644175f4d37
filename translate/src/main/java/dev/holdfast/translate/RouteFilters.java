package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** The HTTPRouteFilter that an extensionRef names. */
record RouteFilters(ResourceSet set, Grants grants, List<Problem> problems) {
    private static final String KEY = "credential";

    /**
     * What an HTTPRouteFilter makes of a rule.
     *
     * @param matches further matches, one of which must hold; empty for none
     */
    record Made(
            List<Route.Filter> filters,
            Optional<Route.Action> answer,
            List<HttpFilter> httpFilters,
            List<List<Route.ValueMatch>> matches) {}

    /** Empty where the reference names nothing that can be carried out: the request may not pass as if it were not there. */
    Optional<Made> extension(Resource route, Field ref) {
        String namespace = route.ref().namespace();
        String name = ref.get("name").text("");
        boolean ours = ref.get("group").text("").equals("gateway.envoyproxy.io")
                && ref.get("kind").text("").equals("HTTPRouteFilter");
        Optional<Resource> found = ours ? set.find("HTTPRouteFilter", namespace, name) : Optional.empty();
        if (found.isEmpty()) {
            problems.add(Problem.at(
                    ref.origin(),
                    ProblemCode.BACKEND_NOT_FOUND,
                    Severity.WARNING,
                    "Reference " + namespace + "/" + name + " not found for filter type: ExtensionRef"
                            + "; the rule answers 500",
                    "Add an HTTPRouteFilter of this name, or take the filter out."));
            return Optional.empty();
        }
        Field spec = found.get().spec();
        Field rewrite = spec.get("urlRewrite");
        List<Route.Filter> filters = new ArrayList<>();
        if (rewrite.get("appendXForwardedHost").flag(false)) {
            filters.add(new Route.Filter.ForwardedHost());
        }
        if (!rewrites(rewrite, filters)) {
            return Optional.empty();
        }
        List<HttpFilter> http = new ArrayList<>();
        if (spec.get("credentialInjection").present()) {
            Optional<HttpFilter> credential = credential(spec.get("credentialInjection"), namespace);
            if (credential.isEmpty()) {
                return Optional.empty();
            }
            http.add(credential.get());
        }
        Optional<Route.Action> answer = Optional.empty();
        if (spec.get("directResponse").present()) {
            answer = direct(spec.get("directResponse"));
            if (answer.isEmpty()) {
                return Optional.empty();
            }
        }
        Optional<Route.Action> answered = answer;
        return matches(spec.get("matches")).map(m -> new Made(filters, answered, http, m));
    }

    private boolean rewrites(Field rewrite, List<Route.Filter> filters) {
        Field path = rewrite.at("path.replaceRegexMatch");
        if (path.present()) {
            String pattern = path.get("pattern").text("");
            if (!new Matches(problems).valid(path.get("pattern"), pattern)) {
                return false;
            }
            filters.add(new Route.Filter.UrlRewrite(
                    "",
                    new Route.PathRewrite.ReplaceRegex(
                            pattern, path.get("substitution").text(""))));
        }
        Field host = rewrite.get("hostname");
        switch (host.get("type").text("")) {
            case "Header" ->
                filters.add(new Route.Filter.HostRewrite(new Route.HostSource.FromHeader(
                        host.get("header").text("").toLowerCase(Locale.ROOT))));
            case "Backend" -> filters.add(new Route.Filter.HostRewrite(new Route.HostSource.FromBackend()));
            case "PathRegex" -> {
                Field regex = host.get("pathRegex");
                String pattern = regex.get("pattern").text("");
                if (!new Matches(problems).valid(regex.get("pattern"), pattern)) {
                    return false;
                }
                // The path as the client sent it, so before it is rewritten.
                filters.addFirst(new Route.Filter.HostRewrite(new Route.HostSource.FromPath(
                        pattern, regex.get("substitution").text(""))));
            }
            default -> {}
        }
        return true;
    }

    private Optional<HttpFilter> credential(Field injection, String namespace) {
        Field ref = injection.at("credential.valueRef");
        String of = ref.get("namespace").text(namespace);
        String name = ref.get("name").text("");
        boolean permitted = of.equals(namespace)
                || grants.permits("gateway.envoyproxy.io", "HTTPRouteFilter", namespace, "", "Secret", of, name);
        String value = permitted
                ? set.find("Secret", of, name)
                        .map(s -> Certificates.value(s, KEY))
                        .orElse("")
                : "";
        if (value.isEmpty()) {
            problems.add(Problem.at(
                    ref.origin(),
                    permitted ? ProblemCode.INVALID_VALUE : ProblemCode.REF_NOT_PERMITTED,
                    Severity.ERROR,
                    permitted
                            ? "Secret " + of + "/" + name + " does not exist, or has nothing under " + KEY
                            : "Secret " + of + "/" + name + " not permitted by any ReferenceGrant",
                    permitted ? "Add it with the key " + KEY + "." : "Add a ReferenceGrant in " + of + "."));
            return Optional.empty();
        }
        return Optional.of(new TrafficFilter.CredentialInjection(
                injection.get("header").text("Authorization").toLowerCase(Locale.ROOT),
                new SecretText(value.strip()),
                injection.get("overwrite").flag(false)));
    }

    private Optional<Route.Action> direct(Field direct) {
        return new Bodies(set, problems).of(direct.get("body")).map(body -> {
            List<Route.Header> headers = new ArrayList<>();
            direct.get("contentType").text().ifPresent(t -> headers.add(new Route.Header("content-type", t)));
            Route.HeaderMutation mutation = Filters.mutation(direct.get("header"));
            headers.addAll(mutation.set());
            headers.addAll(mutation.add());
            return new Route.Action.Respond((int) direct.get("statusCode").number(200), "", body, headers);
        });
    }

    /** A cookie is a part of the header of that name. Of several in one match all must hold. */
    private Optional<List<List<Route.ValueMatch>>> matches(Field list) {
        List<List<Route.ValueMatch>> out = new ArrayList<>();
        for (Field match : list.items()) {
            List<Route.ValueMatch> cookies = new ArrayList<>();
            for (Field cookie : match.get("cookies").items()) {
                String value = cookie.get("value").text("");
                boolean regex = cookie.get("type").text("Exact").equals("RegularExpression");
                if (regex && !new Matches(problems).valid(cookie.get("value"), value)) {
                    return Optional.empty();
                }
                cookies.add(new Route.ValueMatch(
                        "cookie",
                        "(?:.*;\\s*)?" + Pattern.quote(cookie.get("name").text("")) + "="
                                + (regex ? "(?:" + value + ")" : Pattern.quote(value)) + "\\s*(?:;.*)?",
                        true));
            }
            out.add(cookies);
        }
        return Optional.of(out);
    }
}
