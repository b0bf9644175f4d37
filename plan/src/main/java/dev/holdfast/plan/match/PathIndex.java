package dev.holdfast.plan.match;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.Route.PathMatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The routes of one host name, found by path: those of a whole path and those of a prefix by its hash, which grows as the path is walked along,
 * so that a request takes as long among ten thousand routes as among ten; expressions one by one. The first in order that holds is the one, as if
 * each had been asked in turn.
 */
final class PathIndex {
    static final PathIndex EMPTY = new PathIndex(List.of());

    private final Route[] routes;

    /** What a route asks beside the path, by its place in order. */
    private final Conditions[] conditions;

    private final Paths whole;
    private final Paths prefixes;
    private final ByExpression[] expressions;

    /** Places of those that open tunnels, whatever their path. */
    private final int[] tunnels;

    private record ByExpression(int place, Pattern pattern) {}

    PathIndex(List<Route> ordered) {
        routes = ordered.toArray(Route[]::new);
        conditions = ordered.stream().map(r -> Conditions.of(r.match())).toArray(Conditions[]::new);
        tunnels = IntStream.range(0, routes.length)
                .filter(place -> routes[place].tunnels())
                .toArray();
        @Nullable String[] exact = new String[routes.length];
        @Nullable String[] prefix = new String[routes.length];
        List<ByExpression> rest = new ArrayList<>();
        for (int place = 0; place < routes.length; place++) {
            switch (routes[place].match().path()) {
                case PathMatch.Exact(String path) -> exact[place] = path;
                case PathMatch.Prefix(String path) ->
                    prefix[place] = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
                case PathMatch.Regex(String expression) ->
                    rest.add(new ByExpression(place, Pattern.compile(expression)));
            }
        }
        whole = new Paths(exact);
        prefixes = new Paths(prefix);
        expressions = rest.toArray(ByExpression[]::new);
    }

    @Nullable
    Route match(RequestView request) {
        int found = request.connects() ? tunnel(request) : ordinary(request);
        return found < routes.length ? routes[found] : null;
    }

    private int tunnel(RequestView request) {
        for (int place : tunnels) {
            if (conditions[place].hold(request)) {
                return place;
            }
        }
        return routes.length;
    }

    private int ordinary(RequestView request) {
        String path = request.path();
        int first = routes.length;
        if (whole.longest >= path.length()) {
            first = earlier(first, whole, whole.find(path, path.length(), path.hashCode()), request);
        }
        int hash = 0;
        for (int end = 0, last = Math.min(path.length(), prefixes.longest); end <= last; end++) {
            boolean over = end == path.length();
            if (end == 0 || over || path.charAt(end) == '/') {
                first = earlier(first, prefixes, prefixes.find(path, end, hash), request);
            }
            if (!over) {
                hash = 31 * hash + path.charAt(end);
            }
        }
        for (ByExpression expression : expressions) {
            if (expression.place >= first) {
                break;
            }
            if (BoundedText.matches(expression.pattern, path) && conditions[expression.place].hold(request)) {
                return expression.place;
            }
        }
        return first;
    }

    /** The first place before {@code first} of those with one path, from {@code place} on, whose conditions hold; else {@code first}. */
    private int earlier(int first, Paths paths, int place, RequestView request) {
        for (int next = place; next >= 0 && next < first; next = paths.next[next]) {
            if (conditions[next].hold(request)) {
                return next;
            }
        }
        return first;
    }

    /** Places by path, in order where several have the same: open addressing by {@link String#hashCode}, nothing made when asked. */
    private static final class Paths {
        private final @Nullable String[] keys;
        private final int[] heads;

        /** The next place with the same path, or -1. */
        private final int[] next;

        /** Characters; -1 where there are none. */
        private final int longest;

        /** @param paths by place; null where a place is not of this kind */
        Paths(@Nullable String[] paths) {
            int count = 0;
            int most = -1;
            for (String path : paths) {
                if (path != null) {
                    count++;
                    most = Math.max(most, path.length());
                }
            }
            longest = most;
            keys = new String[Math.max(2, Integer.highestOneBit(Math.max(1, count)) * 4)];
            heads = new int[keys.length];
            next = count == 0 ? new int[0] : new int[paths.length];
            Arrays.fill(next, -1);
            for (int place = paths.length - 1; place >= 0; place--) {
                String path = paths[place];
                if (path != null) {
                    int slot = slot(path, path.length(), path.hashCode());
                    next[place] = keys[slot] == null ? -1 : heads[slot];
                    keys[slot] = path;
                    heads[slot] = place;
                }
            }
        }

        /** The first place of the path that is the beginning of {@code text} with that length and hash, or -1. */
        int find(String text, int length, int hash) {
            int slot = slot(text, length, hash);
            return keys[slot] == null ? -1 : heads[slot];
        }

        private int slot(String text, int length, int hash) {
            // Paths that count up have hashes that do: spread, or one would be looked for along a row of its
            // neighbours.
            int spread = hash * 0x9E3779B9;
            int slot = (spread ^ spread >>> 16) & keys.length - 1;
            String key = keys[slot];
            while (key != null && !(key.length() == length && text.startsWith(key))) {
                slot = slot + 1 & keys.length - 1;
                key = keys[slot];
            }
            return slot;
        }
    }

    /** What a route asks of a request beside its path. */
    private record Conditions(String method, List<Predicate<RequestView>> values) {
        private static final Conditions NONE = new Conditions("", List.of());

        static Conditions of(Route.Match match) {
            List<Predicate<RequestView>> values = new ArrayList<>();
            for (Route.ValueMatch header : match.headers()) {
                Predicate<String> value = value(header);
                values.add(r -> {
                    String found = r.header(header.name());
                    return found != null && value.test(found);
                });
            }
            for (Route.ValueMatch param : match.queryParams()) {
                Predicate<String> value = value(param);
                values.add(r -> {
                    String found = RouteTable.queryParam(r.query(), param.name());
                    return found != null && value.test(found);
                });
            }
            return values.isEmpty() && match.method().isEmpty() ? NONE : new Conditions(match.method(), values);
        }

        boolean hold(RequestView request) {
            if (!method.isEmpty() && !method.equals(request.method())) {
                return false;
            }
            for (Predicate<RequestView> value : values) {
                if (!value.test(request)) {
                    return false;
                }
            }
            return true;
        }

        private static Predicate<String> value(Route.ValueMatch match) {
            if (!match.regex()) {
                return match.value()::equals;
            }
            Pattern pattern = Pattern.compile(match.value());
            return v -> BoundedText.matches(pattern, v);
        }
    }
}
