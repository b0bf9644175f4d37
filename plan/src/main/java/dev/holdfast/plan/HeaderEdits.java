package dev.holdfast.plan;

import java.util.List;

/**
 * A change of headers beyond what a route's filter can say.
 *
 * @param addIfAbsent headers that are added where there is none of their name
 * @param removeOnMatch names, lower-case, of what is removed
 */
public record HeaderEdits(
        Route.HeaderMutation mutation, List<Route.Header> addIfAbsent, List<TextMatch> removeOnMatch) {
    public static final HeaderEdits NONE =
            new HeaderEdits(new Route.HeaderMutation(List.of(), List.of(), List.of()), List.of(), List.of());

    public HeaderEdits {
        addIfAbsent = List.copyOf(addIfAbsent);
        removeOnMatch = List.copyOf(removeOnMatch);
    }
}
