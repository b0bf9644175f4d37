package dev.holdfast.translate;

import dev.holdfast.plan.Route;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The filters of a rule or of a backendRef.
 *
 * @param filters in the order of the manifest
 * @param answer what is answered instead of forwarding: a redirect, or 500 for a filter that may not be skipped
 */
record Filters(List<Route.Filter> filters, Optional<Route.Action> answer) {
    /** A request may not pass as if these were not there (Gateway API, HTTPRouteFilter: MUST NOT be skipped). */
    private static final Set<String> GUARDS = Set.of("ExtensionRef", "ExternalAuth");

    static final Route.Action REFUSE = new Route.Action.Respond(500, "not_carried_out", "not_carried_out\n");

    static Filters of(Field list, Route.PathMatch match, Ports ports) {
        List<Route.Filter> filters = new ArrayList<>();
        Optional<Route.Action> answer = Optional.empty();
        for (Field filter : list.items()) {
            String type = filter.get("type").text("");
            if (GUARDS.contains(type)) {
                return new Filters(List.of(), Optional.of(REFUSE));
            }
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
                default -> {}
            }
        }
        return new Filters(filters, answer);
    }

    private static Route.HeaderMutation mutation(Field field) {
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
