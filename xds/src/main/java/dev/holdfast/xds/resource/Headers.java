package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.Route;
import io.envoyproxy.envoy.config.common.mutation_rules.v3.HeaderMutation;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.Mutations;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * What filters do to headers, as Envoy's lists. Envoy removes first and adds then; the plan's order is set, add, remove, so
 * what is removed in the end is not added at all.
 */
record Headers(List<HeaderValueOption> add, List<String> remove) {
    static Headers request(List<Route.Filter> filters) {
        return of(filters.stream()
                .filter(Route.Filter.RequestHeaders.class::isInstance)
                .map(f -> ((Route.Filter.RequestHeaders) f).mutation())
                .toList());
    }

    static Headers response(List<Route.Filter> filters) {
        return of(filters.stream()
                .filter(Route.Filter.ResponseHeaders.class::isInstance)
                .map(f -> ((Route.Filter.ResponseHeaders) f).mutation())
                .toList());
    }

    static Headers of(List<Route.HeaderMutation> mutations) {
        List<HeaderValueOption> add = new ArrayList<>();
        List<String> remove = new ArrayList<>();
        for (Route.HeaderMutation mutation : mutations) {
            for (Route.Header header : mutation.set()) {
                add.add(option(header, HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD));
            }
            for (Route.Header header : mutation.add()) {
                add.add(option(header, HeaderValueOption.HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD));
            }
            remove.addAll(mutation.remove());
        }
        Set<String> gone = new HashSet<>();
        remove.forEach(name -> gone.add(name.toLowerCase(Locale.ROOT)));
        add.removeIf(o -> gone.contains(o.getHeader().getKey().toLowerCase(Locale.ROOT))
                || !isAllowed(o.getHeader().getKey()));
        remove.removeIf(name -> !isAllowed(name));
        return new Headers(List.copyOf(add), List.copyOf(remove));
    }

    /** Envoy refuses a whole route table over a change of Host or a pseudo-header. */
    static boolean isAllowed(String name) {
        return !name.startsWith(":") && !name.equalsIgnoreCase("host");
    }

    /** From requests, before filters see them. */
    static Message takenOff(Collection<String> names) {
        Mutations.Builder out = Mutations.newBuilder();
        names.forEach(n -> out.addRequestMutations(HeaderMutation.newBuilder().setRemove(n)));
        return HeaderMutationPerRoute.newBuilder().setMutations(out).build();
    }

    static HeaderValueOption fixed(String name, String value) {
        return option(new Route.Header(name, value), HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD);
    }

    static HeaderValueOption added(String name, String value) {
        return option(new Route.Header(name, value), HeaderValueOption.HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD);
    }

    static HeaderValueOption ifAbsent(String name, String value) {
        return option(new Route.Header(name, value), HeaderValueOption.HeaderAppendAction.ADD_IF_ABSENT);
    }

    /** A percent sign would begin one of Envoy's commands. */
    static String literal(String value) {
        return value.replace("%", "%%");
    }

    private static HeaderValueOption option(Route.Header header, HeaderValueOption.HeaderAppendAction action) {
        return HeaderValueOption.newBuilder()
                .setHeader(HeaderValue.newBuilder().setKey(header.name()).setValue(literal(header.value())))
                .setAppendAction(action)
                .setKeepEmptyValue(true)
                .build();
    }
}
