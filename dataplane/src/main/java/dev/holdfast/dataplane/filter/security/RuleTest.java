package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.plan.IpAddress;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.match.Expression;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One rule of an authorization. Where a request can be read in more than one way (a header that came twice, a slash that is
 * escaped, an expression that takes too long), a rule that allows must hold for each reading and a rule that denies for one.
 */
final class RuleTest {
    private final SecurityFilter.Rule rule;
    private final Optional<Expression> expression;
    private final Optional<Condition> condition;

    /** A request, its client and paths read once. */
    static final class Asked {
        final FilterRequest request;
        final byte[] client;
        final PlaceBook.@Nullable Whereabouts place;
        final List<String> paths;
        /** Of each reading; made when a rule asks for them. */
        private final List<Map<String, Object>> attributes = new ArrayList<>();

        /**
         * @param places where a rule asks for them
         * @throws IOException where they cannot be asked of this client
         */
        Asked(FilterRequest request, @Nullable PlaceBook places) throws IOException {
            this.request = request;
            this.client = IpAddress.parse(request.connection().remoteIp());
            this.place = places == null ? null : places.of(client);
            String target = request.target();
            int question = target.indexOf('?');
            String path = question < 0 ? target : target.substring(0, question);
            this.paths = readings(path);
        }

        /** A backend may take an escaped slash, or a backslash, for a slash. */
        private static List<String> readings(String path) {
            if (path.indexOf('\\') < 0 && !path.contains("%2") && !path.contains("%5")) {
                return List.of(path);
            }
            String other = path.replace("%2F", "/")
                    .replace("%2f", "/")
                    .replace("%5C", "/")
                    .replace("%5c", "/")
                    .replace('\\', '/');
            return other.equals(path) ? List.of(path) : List.of(path, other);
        }

        /** Whether it holds, for each reading where it allows and for one where it denies. */
        boolean tells(Condition condition, boolean allow) {
            if (attributes.isEmpty()) {
                paths.forEach(p -> attributes.add(RequestAttributes.of(request, p, method())));
            }
            return allow
                    ? attributes.stream().allMatch(a -> condition.holds(a, false))
                    : attributes.stream().anyMatch(a -> condition.holds(a, true));
        }

        String method() {
            return request.head().meant();
        }
    }

    RuleTest(SecurityFilter.Rule rule) {
        this.rule = rule;
        this.expression = rule.path()
                .map(SecurityFilter.PathTest::match)
                .flatMap(m -> m instanceof Route.PathMatch.Regex(String text)
                        ? Optional.of(Expression.of(text))
                        : Optional.empty());
        this.condition = rule.condition().isEmpty() ? Optional.empty() : Optional.of(new Condition(rule.condition()));
    }

    private boolean condition(Asked asked) {
        return condition.isEmpty() || asked.tells(condition.get(), rule.allow());
    }

    boolean allows() {
        return rule.allow();
    }

    boolean matches(Asked asked) {
        return (rule.clients().isEmpty() || rule.clients().stream().anyMatch(c -> c.contains(asked.client)))
                && (rule.places().isEmpty() || place(asked.place))
                && (rule.methods().isEmpty() || rule.methods().contains(asked.method()))
                && rule.headers().stream().allMatch(h -> header(h, asked.request))
                && rule.path().map(p -> path(p, asked)).orElse(true)
                && rule.jwt().map(j -> jwt(j, asked.request.identity())).orElse(true)
                && condition(asked);
    }

    private boolean place(PlaceBook.@Nullable Whereabouts place) {
        return place != null && rule.places().stream().anyMatch(place::isIn);
    }

    private boolean header(SecurityFilter.HeaderValues wanted, FilterRequest request) {
        List<String> given = wanted.name().equals("host")
                ? List.of(request.head().authority())
                : request.head().headers().getAll(wanted.name());
        if (given.isEmpty()) {
            return false;
        }
        boolean whole = wanted.values().contains(String.join(",", given));
        return rule.allow()
                ? whole
                : whole
                        || given.stream()
                                .flatMap(v -> Stream.concat(Stream.of(v), Stream.of(v.split(","))))
                                .anyMatch(v -> wanted.values().contains(v.strip()));
    }

    private boolean path(SecurityFilter.PathTest test, Asked asked) {
        List<Boolean> found = new ArrayList<>();
        for (String path : asked.paths) {
            Optional<Boolean> matches = switch (test.match()) {
                case Route.PathMatch.Exact(String exact) -> Optional.of(path.equals(exact));
                case Route.PathMatch.Prefix(String prefix) ->
                    Optional.of(Route.PathMatch.under(Route.PathMatch.stem(prefix), path));
                case Route.PathMatch.Regex ignored -> expression.flatMap(e -> e.matches(path));
            };
            // What cannot be told in time counts against the request.
            found.add(matches.map(m -> m != test.invert()).orElse(!rule.allow()));
        }
        return rule.allow() ? !found.contains(false) : found.contains(true);
    }

    private static boolean jwt(SecurityFilter.JwtTest wanted, @Nullable Identity identity) {
        if (identity == null || !identity.provider().equals(wanted.provider())) {
            return false;
        }
        Identity.Claim scopes = identity.claims().get("scope");
        List<String> given = scopes == null
                ? List.of()
                : scopes.values().stream().flatMap(s -> Stream.of(s.split(" "))).toList();
        return given.containsAll(wanted.scopes())
                && wanted.claims().stream()
                        .allMatch(c -> claim(c, identity.claims().get(c.claim())));
    }

    private static boolean claim(SecurityFilter.ClaimValues wanted, Identity.@Nullable Claim given) {
        return given != null
                && given.list() == wanted.list()
                && given.values().stream().anyMatch(wanted.values()::contains);
    }
}
