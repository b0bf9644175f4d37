package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The filters of a rule or of a backendRef.
 *
 * @param filters in the order of the manifest
 * @param httpFilters those that see the request before a backend is asked
 * @param matches further matches, one of which must hold; empty for none
 * @param answer what is answered instead of forwarding: a redirect, or 500 for a filter that may not be skipped
 */
record Filters(
        List<Route.Filter> filters,
        Optional<Route.Action> answer,
        List<HttpFilter> httpFilters,
        List<List<Route.ValueMatch>> matches) {
    static final Route.Action REFUSE = new Route.Action.Respond(500, "not_carried_out", "not_carried_out\n");

    private static final Filters REFUSED = new Filters(List.of(), Optional.of(REFUSE), List.of(), List.of());

    /** Of a backendRef; ExternalAuth, which guards, is carried out on rules only, and may not be skipped. */
    static Filters ofBackend(Resource route, Field list, Route.PathMatch match, Ports ports, RouteFilters further) {
        boolean guarded =
                list.items().stream().anyMatch(f -> f.get("type").text("").equals("ExternalAuth"));
        return guarded ? REFUSED : of(route, list, match, ports, further);
    }

    /** Of a rule; who may pass is {@link SecurityPolicies}' concern. */
    static Filters of(Resource route, Field list, Route.PathMatch match, Ports ports, RouteFilters further) {
        List<Route.Filter> filters = new ArrayList<>();
        Optional<Route.Action> answer = Optional.empty();
        List<HttpFilter> httpFilters = new ArrayList<>();
        List<List<Route.ValueMatch>> matches = new ArrayList<>();
        for (Field filter : list.items()) {
            String type = filter.get("type").text("");
            switch (type) {
                case "RequestHeaderModifier" ->
                    filters.add(new Route.Filter.RequestHeaders(mutation(filter.get("requestHeaderModifier"))));
                case "ResponseHeaderModifier" ->
                    filters.add(new Route.Filter.ResponseHeaders(mutation(filter.get("responseHeaderModifier"))));
                case "URLRewrite" -> {
                    Field rewrite = filter.get("urlRewrite");
                    filters.add(new Route.Filter.UrlRewrite(
                            rewrite.get("hostname").text(""), path(rewrite.get("path"), match)));
                }
                case "RequestRedirect" -> answer = Optional.of(redirect(filter.get("requestRedirect"), match, ports));
                // With the policies that say who may ask: SecurityPolicies.
                case "CORS", "ExternalAuth" -> {}
                case "ExtensionRef" -> {
                    Optional<RouteFilters.Made> made = further.extension(route, filter.get("extensionRef"));
                    if (made.isEmpty()) {
                        return REFUSED;
                    }
                    filters.addAll(made.get().filters());
                    httpFilters.addAll(made.get().httpFilters());
                    matches.addAll(made.get().matches());
                    answer = answer.isPresent() ? answer : made.get().answer();
                }
                default -> {}
            }
        }
        return new Filters(filters, answer, httpFilters, matches);
    }

    static Route.HeaderMutation mutation(Field field) {
        return new Route.HeaderMutation(
                headers(field.get("set")),
                headers(field.get("add")),
                field.get("remove").items().stream().map(n -> n.text("")).toList());
    }

    private static List<Route.Header> headers(Field list) {
        return list.items().stream()
                .map(h ->
                        new Route.Header(h.get("name").text(""), h.get("value").text("")))
                .toList();
    }

    private static Route.PathRewrite path(Field path, Route.PathMatch match) {
        return switch (path.get("type").text("")) {
            case "ReplaceFullPath" ->
                new Route.PathRewrite.ReplaceFull(path.get("replaceFullPath").text("/"));
            case "ReplacePrefixMatch" ->
                new Route.PathRewrite.ReplacePrefix(
                        match instanceof Route.PathMatch.Prefix(String prefix) ? prefix : "/",
                        path.get("replacePrefixMatch").text("/"));
            default -> new Route.PathRewrite.Keep();
        };
    }

    /** A port that is named, or follows from the scheme, is where our own listener of that port really is bound. */
    private static Route.Action redirect(Field redirect, Route.PathMatch match, Ports ports) {
        String scheme = redirect.get("scheme").text("");
        int named = (int) redirect.get("port").number(0);
        int meant = named != 0 ? named : scheme.equals("https") ? 443 : scheme.equals("http") ? 80 : 0;
        int bound = ports.bound(meant);
        return new Route.Action.Redirect(
                scheme,
                redirect.get("hostname").text(""),
                bound == meant ? named : bound,
                path(redirect.get("path"), match),
                (int) redirect.get("statusCode").number(302));
    }
}
