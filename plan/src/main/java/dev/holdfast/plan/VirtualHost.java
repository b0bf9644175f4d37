package dev.holdfast.plan;

import java.util.List;

/**
 * The routes of one hostname.
 *
 * @param hostname exact, {@code *.suffix}, or {@code *}
 * @param routes in order of precedence: the first that matches serves
 */
public record VirtualHost(String hostname, List<Route> routes) {
    public VirtualHost {
        routes = List.copyOf(routes);
    }
}
