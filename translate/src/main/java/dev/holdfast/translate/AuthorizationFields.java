package dev.holdfast.translate;

import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.match.Expression;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;

/** The rules of an authorization. One that cannot be carried out takes all with it, for their order decides. */
final class AuthorizationFields {
    private AuthorizationFields() {}

    /** @param databases those of the Gateway; asked for where a rule asks for places */
    static Optional<SecurityFilter.Authorization> of(
            Field authorization, PolicyRefs refs, Supplier<Optional<SecurityFilter.PlaceDatabases>> databases) {
        List<Field> listed = authorization.get("rules").items();
        boolean places = listed.stream()
                .anyMatch(r -> r.at("principal.clientIPGeoLocations").present());
        Optional<SecurityFilter.PlaceDatabases> files = places ? databases.get() : Optional.empty();
        List<SecurityFilter.Rule> rules = new ArrayList<>();
        for (Field rule : listed) {
            Optional<SecurityFilter.Rule> one = rule(rule, refs, files);
            if (one.isEmpty()) {
                return Optional.empty();
            }
            rules.add(one.get());
        }
        return Optional.of(new SecurityFilter.Authorization(
                rules, authorization.get("defaultAction").text("Deny").equals("Allow"), files));
    }

    /** Of connections, of whose clients the address is all that is known. */
    static Optional<SecurityFilter.Authorization> ofConnections(Field authorization, PolicyRefs refs) {
        for (Field rule : authorization.get("rules").items()) {
            Field principal = rule.get("principal");
            for (Field field : List.of(
                    rule.get("operation"),
                    rule.get("cel"),
                    principal.get("jwt"),
                    principal.get("headers"),
                    principal.get("clientIPGeoLocations"))) {
                if (field.present()) {
                    return refs.invalid(
                            field, "of a connection only the client's address is known", "Name clientCIDRs alone.");
                }
            }
        }
        return of(authorization, refs, Optional::empty);
    }

    private static Optional<SecurityFilter.Rule> rule(
            Field rule, PolicyRefs refs, Optional<SecurityFilter.PlaceDatabases> databases) {
        Field principal = rule.get("principal");
        Optional<List<SecurityFilter.Place>> places = Places.of(principal.get("clientIPGeoLocations"), databases, refs);
        if (places.isEmpty()) {
            return Optional.empty();
        }
        Field condition = rule.get("cel");
        String wrong = condition.present() ? Condition.problem(condition.text("")) : "";
        if (!wrong.isEmpty()) {
            return refs.invalid(condition, "the condition cannot be taken: " + wrong, "Mend it.");
        }
        List<Cidr> clients = new ArrayList<>();
        for (Field text : principal.get("clientCIDRs").items()) {
            Optional<Cidr> cidr = Cidr.parse(text.text(""));
            if (cidr.isEmpty()) {
                return refs.invalid(text, text.text("") + " is no range of addresses", "Write 10.0.0.0/8 or fd00::/8.");
            }
            clients.add(cidr.get());
        }
        List<SecurityFilter.HeaderValues> headers = principal.get("headers").items().stream()
                .map(h -> new SecurityFilter.HeaderValues(
                        h.get("name").text("").toLowerCase(Locale.ROOT), CorsFields.texts(h.get("values"))))
                .toList();
        Field jwt = principal.get("jwt");
        boolean asksToken = jwt.get("claims").present() || jwt.get("scopes").present();
        if (jwt.present() && !asksToken) {
            return refs.invalid(jwt, "neither claims nor scopes are named", "Name some.");
        }
        boolean anybody = clients.isEmpty() && places.get().isEmpty() && headers.isEmpty();
        if (anybody && !jwt.present() && !condition.present()) {
            return refs.invalid(
                    rule,
                    "the rule says of nobody whom it is for",
                    "Name clientCIDRs, clientIPGeoLocations, jwt, headers or cel.");
        }
        Field path = rule.at("operation.path");
        String value = path.get("value").text("/");
        if (path.get("type").text("").equals("RegularExpression") && !Expression.isValid(value)) {
            return refs.invalid(path.get("value"), "this is no regular expression", "Mend it.");
        }
        return Optional.of(new SecurityFilter.Rule(
                rule.get("name").text(""),
                rule.get("action").text("Deny").equals("Allow"),
                clients,
                places.get(),
                jwt.present() ? Optional.of(jwt(jwt)) : Optional.empty(),
                headers,
                CorsFields.texts(rule.at("operation.methods")),
                path.present() ? Optional.of(path(path, value)) : Optional.empty(),
                condition.text("")));
    }

    private static SecurityFilter.PathTest path(Field path, String value) {
        Route.PathMatch match = switch (path.get("type").text("PathPrefix")) {
            case "Exact" -> new Route.PathMatch.Exact(value);
            case "RegularExpression" -> new Route.PathMatch.Regex(value);
            default -> new Route.PathMatch.Prefix(value);
        };
        return new SecurityFilter.PathTest(match, path.get("invert").flag(false));
    }

    private static SecurityFilter.JwtTest jwt(Field jwt) {
        return new SecurityFilter.JwtTest(
                jwt.get("provider").text(""),
                jwt.get("claims").items().stream()
                        .map(c -> new SecurityFilter.ClaimValues(
                                c.get("name").text(""),
                                c.get("valueType").text("String").equals("StringArray"),
                                CorsFields.texts(c.get("values"))))
                        .toList(),
                CorsFields.texts(jwt.get("scopes")));
    }
}
