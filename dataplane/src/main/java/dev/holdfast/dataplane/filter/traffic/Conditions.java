package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.plan.match.BoundedText;
import dev.holdfast.plan.match.RouteTable;
import io.netty.util.NetUtil;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Conditions compiled into tests. */
final class Conditions {
    private Conditions() {}

    static RateLimits.Test test(TrafficFilter.Condition condition) {
        return switch (condition) {
            case TrafficFilter.Condition.Header(String name, TrafficFilter.Value value, boolean inverted) ->
                value(value, inverted, r -> header(r, name));
            case TrafficFilter.Condition.QueryParam(String name, TrafficFilter.Value value, boolean inverted) ->
                value(value, inverted, r -> RouteTable.queryParam(query(r.target()), name));
            case TrafficFilter.Condition.Path(Route.PathMatch path, boolean inverted) -> {
                Predicate<String> wanted = path(path);
                yield r -> wanted.test(path(r.target())) != inverted ? "" : null;
            }
            case TrafficFilter.Condition.Methods(var methods, var others) ->
                r -> {
                    String method = r.head().meant();
                    boolean met = methods.isEmpty() || methods.contains(method);
                    return met && !others.contains(method) ? "" : null;
                };
            case TrafficFilter.Condition.SourceCidr(String cidr, boolean distinct, boolean inverted) -> {
                Predicate<String> within = cidr(cidr);
                yield r -> {
                    String ip = r.connection().remoteIp();
                    return within.test(ip) == inverted ? null : distinct ? ip : "";
                };
            }
        };
    }

    /** What a request has to say about something; null for nothing. */
    private interface Part {
        @Nullable
        String of(FilterRequest request);
    }

    private static RateLimits.Test value(TrafficFilter.Value value, boolean inverted, Part part) {
        if (value instanceof TrafficFilter.Value.Distinct) {
            return r -> {
                String found = part.of(r);
                // A request without it is none of the rule's; an empty text is a text like any other.
                return found == null ? null : "=" + found;
            };
        }
        Predicate<String> wanted = matches(value);
        return r -> {
            String found = part.of(r);
            return (found != null && wanted.test(found)) != inverted ? "" : null;
        };
    }

    static Predicate<String> matches(TrafficFilter.Value value) {
        return switch (value) {
            case TrafficFilter.Value.Exact(String text) -> text::equals;
            case TrafficFilter.Value.Prefix(String text) -> found -> found.startsWith(text);
            case TrafficFilter.Value.Suffix(String text) -> found -> found.endsWith(text);
            case TrafficFilter.Value.Regex(String expression) -> {
                Pattern pattern = Pattern.compile(expression);
                yield found -> BoundedText.matches(pattern, found);
            }
            case TrafficFilter.Value.Distinct() -> found -> true;
        };
    }

    private static @Nullable String header(FilterRequest request, String name) {
        if (name.equals("host")) {
            return request.head().authority();
        }
        List<String> values = request.head().headers().getAll(name);
        return values.isEmpty() ? null : String.join(",", values);
    }

    private static Predicate<String> path(Route.PathMatch match) {
        return switch (match) {
            case Route.PathMatch.Exact(String path) -> path::equals;
            case Route.PathMatch.Prefix(String path) -> {
                String stem = Route.PathMatch.stem(path);
                yield found -> Route.PathMatch.under(stem, found);
            }
            case Route.PathMatch.Regex(String expression) -> {
                Pattern pattern = Pattern.compile(expression);
                yield found -> BoundedText.matches(pattern, found);
            }
        };
    }

    static String path(String target) {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    private static String query(String target) {
        int question = target.indexOf('?');
        return question < 0 ? "" : target.substring(question + 1);
    }

    /** {@code 10.0.0.0/8}, {@code 2001:db8::/32} or one address; an IPv4 range never holds an IPv6 address. */
    static Predicate<String> cidr(String text) {
        int slash = text.indexOf('/');
        byte[] base = NetUtil.createByteArrayFromIpAddressString(slash < 0 ? text : text.substring(0, slash));
        if (base == null) {
            return ip -> false;
        }
        int bits = slash < 0 ? base.length * 8 : Integer.parseInt(text.substring(slash + 1));
        return ip -> {
            byte[] given = NetUtil.createByteArrayFromIpAddressString(ip);
            if (given == null || given.length != base.length) {
                return false;
            }
            for (int bit = 0; bit < bits; bit += 8) {
                int mask = bits - bit >= 8 ? 0xff : 0xff00 >> (bits - bit) & 0xff;
                if (((given[bit / 8] ^ base[bit / 8]) & mask) != 0) {
                    return false;
                }
            }
            return true;
        };
    }
}
