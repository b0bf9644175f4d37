package dev.holdfast.plan.match;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.Route.PathMatch;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The routes of one host name, found by path: those of a whole path and those of a prefix by its hash, which grows as the path is walked along,
 * so that a request takes as long among ten thousand paths as among ten; expressions, and routes of the same path, one by one. The first in order that holds is the one, as if
 * each had been asked in turn.
 */
final class PathIndex {
    static final PathIndex EMPTY = new PathIndex(List.of());

    private final Route[] routes;

    /** What a route asks beside the path, by its place in order. */
    private final Conditions[] conditions;

    /** By place, the next one with the same path, whole or prefix; -1 where there is none. */
    private final int[] following;

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
                case PathMatch.Prefix(String path) -> prefix[place] = PathMatch.stem(path);
                case PathMatch.Regex(String expression) ->
                    rest.add(new ByExpression(place, Pattern.compile(expression)));
            }
        }
        following = new int[routes.length];
        whole = new Paths(exact, following);
        prefixes = new Paths(prefix, following);
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

    /** In order among those whose path it is: no more are asked than if each had been, whatever stands below a shorter prefix. */
    private int ordinary(RequestView request) {
        String path = request.path();
        int[] chains = new int[prefixes.deepest + 2];
        int count = 0;
        int same = whole.longest >= path.length() ? whole.find(path, path.length(), path.hashCode()) : -1;
        if (same >= 0) {
            chains[count++] = same;
        }
        int hash = 0;
        for (int end = 0, last = Math.min(path.length(), prefixes.longest); end <= last; end++) {
            boolean over = end == path.length();
            if (end == 0 || over || path.charAt(end) == '/') {
                int found = prefixes.find(path, end, hash);
                if (found >= 0) {
                    chains[count++] = found;
                }
            }
            if (!over) {
                hash = 31 * hash + path.charAt(end);
            }
        }
        int expression = 0;
        while (true) {
            int chain = earliest(chains, count);
            int place = chain < 0 ? routes.length : chains[chain];
            if (expression < expressions.length && expressions[expression].place < place) {
                ByExpression next = expressions[expression++];
                if (BoundedText.matches(next.pattern, path) && conditions[next.place].hold(request)) {
                    return next.place;
                }
            } else if (chain < 0 || conditions[place].hold(request)) {
                return place;
            } else if (following[place] >= 0) {
                chains[chain] = following[place];
            } else {
                chains[chain] = chains[--count];
            }
        }
    }

    /** Which of the first {@code count} has the first place, or -1 where there is none. */
    private static int earliest(int[] chains, int count) {
        int first = -1;
        for (int i = 0; i < count; i++) {
            if (first < 0 || chains[i] < chains[first]) {
                first = i;
            }
        }
        return first;
    }

    /** Places by path, in order where several have the same: open addressing by {@link String#hashCode}, nothing made when asked. */
    private static final class Paths {
        private final @Nullable String[] keys;
        private final int[] heads;

        /** Characters; -1 where there are none. */
        private final int longest;

        /** Slashes of the one that has most. */
        private final int deepest;

        /**
         * @param paths by place; null where a place is not of this kind
         * @param following takes, by place, the next one with the same path
         */
        Paths(@Nullable String[] paths, int[] following) {
            int count = 0;
            int most = -1;
            int slashes = 0;
            for (String path : paths) {
                if (path != null) {
                    count++;
                    most = Math.max(most, path.length());
                    slashes = Math.max(
                            slashes, (int) path.chars().filter(c -> c == '/').count());
                }
            }
            longest = most;
            deepest = slashes;
            keys = new String[Integer.highestOneBit(Math.max(1, count)) * 4];
            heads = new int[keys.length];
            for (int place = paths.length - 1; place >= 0; place--) {
                String path = paths[place];
                if (path != null) {
                    int slot = slot(path, path.length(), path.hashCode());
                    following[place] = keys[slot] == null ? -1 : heads[slot];
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
