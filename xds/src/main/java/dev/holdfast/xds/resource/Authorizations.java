package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.IpAddress;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.CidrRange;
import io.envoyproxy.envoy.config.rbac.v3.Permission;
import io.envoyproxy.envoy.config.rbac.v3.Policy;
import io.envoyproxy.envoy.config.rbac.v3.Principal;
import io.envoyproxy.envoy.config.rbac.v3.RBAC;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBACPerRoute;
import io.envoyproxy.envoy.type.matcher.v3.DoubleMatcher;
import io.envoyproxy.envoy.type.matcher.v3.ListMatcher;
import io.envoyproxy.envoy.type.matcher.v3.MetadataMatcher;
import io.envoyproxy.envoy.type.matcher.v3.PathMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.matcher.v3.ValueMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Rules of which the first that matches decides, as Envoy's RBAC filter has them, where the order does not count: a request
 * may pass where one rule that allows holds and none of those that deny before it.
 */
final class Authorizations {
    /** An escaped slash or backslash, which a backend may take for a slash. */
    private static final String ESCAPED = "(?i)%2f|%5c|\\\\";

    static final Principal ANY = Principal.newBuilder().setAny(true).build();

    private Authorizations() {}

    static Message of(SecurityFilter.Authorization authorization) {
        return RBACPerRoute.newBuilder()
                .setRbac(io.envoyproxy
                        .envoy
                        .extensions
                        .filters
                        .http
                        .rbac
                        .v3
                        .RBAC
                        .newBuilder()
                        .setRules(rules(authorization)))
                .build();
    }

    /** Of a connection, whose client's address is all that is known. */
    static Message ofConnections(SecurityFilter.Authorization authorization) {
        return io.envoyproxy
                .envoy
                .extensions
                .filters
                .network
                .rbac
                .v3
                .RBAC
                .newBuilder()
                .setStatPrefix("rbac")
                .setRules(rules(authorization))
                .build();
    }

    private static RBAC rules(SecurityFilter.Authorization authorization) {
        RBAC.Builder rules = RBAC.newBuilder().setAction(RBAC.Action.ALLOW);
        List<Principal> denied = new ArrayList<>();
        int number = 0;
        for (SecurityFilter.Rule rule : authorization.rules()) {
            Principal holds = all(conditions(rule));
            if (rule.allow()) {
                // RBAC sorts by name, which does not matter here; it shows in the access log.
                rules.putPolicies(name(number, rule), policy(and(holds, denied)));
            } else {
                denied.add(not(holds));
            }
            number++;
        }
        if (authorization.allowByDefault()) {
            rules.putPolicies("default", policy(and(ANY, denied)));
        }
        return rules.build();
    }

    static String name(int number, SecurityFilter.Rule rule) {
        return number + (rule.name().isEmpty() ? "" : "/" + rule.name());
    }

    private static Policy policy(Principal who) {
        return Policy.newBuilder()
                .addPermissions(Permission.newBuilder().setAny(true))
                .addPrincipals(who)
                .build();
    }

    private static Principal and(Principal one, List<Principal> others) {
        return all(Stream.concat(Stream.of(one), others.stream()).toList());
    }

    static Principal all(List<Principal> each) {
        return switch (each.size()) {
            case 0 -> ANY;
            case 1 -> each.getFirst();
            default ->
                Principal.newBuilder()
                        .setAndIds(Principal.Set.newBuilder().addAllIds(each))
                        .build();
        };
    }

    private static Principal one(List<Principal> each) {
        return each.size() == 1
                ? each.getFirst()
                : Principal.newBuilder()
                        .setOrIds(Principal.Set.newBuilder().addAllIds(each))
                        .build();
    }

    static Principal not(Principal of) {
        return Principal.newBuilder().setNotId(of).build();
    }

    /** All of a rule but its condition in CEL. */
    static List<Principal> conditions(SecurityFilter.Rule rule) {
        List<Principal> out = new ArrayList<>();
        if (!rule.clients().isEmpty()) {
            out.add(one(rule.clients().stream()
                    .map(c -> Principal.newBuilder().setRemoteIp(range(c)).build())
                    .toList()));
        }
        if (!rule.places().isEmpty()) {
            out.add(one(rule.places().stream().map(Places::in).toList()));
        }
        if (!rule.methods().isEmpty()) {
            out.add(one(rule.methods().stream()
                    .map(m -> header(":method", Proto.exact(m)))
                    .toList()));
        }
        rule.headers().forEach(h -> out.add(header(h, rule.allow())));
        rule.path().ifPresent(p -> out.add(path(p, rule.allow())));
        rule.jwt().ifPresent(j -> out.addAll(token(j)));
        return out;
    }

    static CidrRange range(Cidr range) {
        String text = range.text();
        int slash = text.indexOf('/');
        String address = slash < 0 ? text : text.substring(0, slash);
        boolean v4 = IpAddress.parse(address).length == 4;
        // An IPv4 address in IPv6 form is one of IPv4 to us.
        String plain = v4 && address.indexOf(':') >= 0 ? address.substring(address.lastIndexOf(':') + 1) : address;
        return CidrRange.newBuilder()
                .setAddressPrefix(plain)
                .setPrefixLen(UInt32Value.of(range.prefix()))
                .build();
    }

    private static Principal header(String name, StringMatcher value) {
        return Principal.newBuilder()
                .setHeader(HeaderMatcher.newBuilder().setName(name).setStringMatch(value))
                .build();
    }

    /** Envoy joins a header that came several times; a rule that denies holds where one of the values is listed. */
    private static Principal header(SecurityFilter.HeaderValues wanted, boolean allow) {
        String name = wanted.name().equals("host") ? ":authority" : wanted.name();
        List<Principal> out = new ArrayList<>();
        for (String value : wanted.values()) {
            out.add(header(name, Proto.exact(value)));
            if (!allow) {
                out.add(header(name, Proto.matches("(?s)(?:.*,)?\\s*" + Proto.quote(value) + "\\s*(?:,.*)?")));
            }
        }
        return one(out);
    }

    /**
     * Where a path can be read in two ways, a rule that allows must hold for both and one that denies for either. What an
     * expression makes of the other reading cannot be asked of Envoy; there it counts against the request.
     */
    private static Principal path(SecurityFilter.PathTest test, boolean allow) {
        boolean either = allow == test.invert();
        Principal found = switch (test.match()) {
            case Route.PathMatch.Exact(String path) ->
                either ? path(Proto.matches(slashes(path))) : path(Proto.exact(path));
            case Route.PathMatch.Prefix(String prefix) -> {
                String stem = Route.PathMatch.stem(prefix);
                yield path(Proto.matches(
                        either ? slashes(stem) + "(?:(?:/|\\\\|%2[fF]|%5[cC]).*)?" : Proto.quote(stem) + "(?:/.*)?"));
            }
            case Route.PathMatch.Regex(String expression) -> {
                Principal plain = path(Proto.matches(expression));
                Principal escaped = path(Proto.matches(".*(?:" + ESCAPED + ").*"));
                yield either ? one(List.of(plain, escaped)) : all(List.of(plain, not(escaped)));
            }
        };
        return test.invert() ? not(found) : found;
    }

    private static Principal path(StringMatcher path) {
        return Principal.newBuilder()
                .setUrlPath(PathMatcher.newBuilder().setPath(path))
                .build();
    }

    private static String slashes(String path) {
        return Proto.quote(path).replace("/", "(?:/|\\\\|%2[fF]|%5[cC])");
    }

    private static List<Principal> token(SecurityFilter.JwtTest test) {
        List<Principal> out = new ArrayList<>();
        if (test.claims().isEmpty() && test.scopes().isEmpty()) {
            out.add(claim(
                    List.of(test.provider()),
                    ValueMatcher.newBuilder().setPresentMatch(true).build()));
        }
        for (SecurityFilter.ClaimValues wanted : test.claims()) {
            List<Principal> each = new ArrayList<>();
            for (List<String> at : places(test.provider(), wanted.claim())) {
                for (String value : wanted.values()) {
                    for (ValueMatcher matcher : values(value)) {
                        each.add(claim(at, wanted.list() ? listed(matcher) : matcher));
                    }
                }
            }
            out.add(one(each));
        }
        for (String scope : test.scopes()) {
            // A text of words, or a list of such.
            ValueMatcher word = ValueMatcher.newBuilder()
                    .setStringMatch(Proto.matches("(?:.* )?" + Proto.quote(scope) + "(?: .*)?"))
                    .build();
            List<String> at = List.of(test.provider(), "scope");
            out.add(one(List.of(claim(at, word), claim(at, listed(word)))));
        }
        return out;
    }

    /** A dotted name is a path, or a name that has dots. */
    private static List<List<String>> places(String provider, String claim) {
        List<String> nested = new ArrayList<>(List.of(provider));
        nested.addAll(List.of(claim.split("\\.")));
        return nested.size() == 2 ? List.of(nested) : List.of(nested, List.of(provider, claim));
    }

    private static ValueMatcher listed(ValueMatcher one) {
        return ValueMatcher.newBuilder()
                .setListMatch(ListMatcher.newBuilder().setOneOf(one))
                .build();
    }

    /** A claim may be a text, a number or a truth. */
    private static List<ValueMatcher> values(String text) {
        List<ValueMatcher> out = new ArrayList<>();
        out.add(ValueMatcher.newBuilder().setStringMatch(Proto.exact(text)).build());
        if (text.equals("true") || text.equals("false")) {
            out.add(ValueMatcher.newBuilder()
                    .setBoolMatch(Boolean.parseBoolean(text))
                    .build());
        }
        if (text.matches("-?[0-9]{1,15}(\\.[0-9]{1,15})?")) {
            out.add(ValueMatcher.newBuilder()
                    .setDoubleMatch(DoubleMatcher.newBuilder().setExact(Double.parseDouble(text)))
                    .build());
        }
        return out;
    }

    private static Principal claim(List<String> at, ValueMatcher value) {
        MetadataMatcher.Builder out =
                MetadataMatcher.newBuilder().setFilter(Tokens.METADATA).setValue(value);
        at.forEach(key -> out.addPath(MetadataMatcher.PathSegment.newBuilder().setKey(key)));
        return Principal.newBuilder().setMetadata(out).build();
    }
}
