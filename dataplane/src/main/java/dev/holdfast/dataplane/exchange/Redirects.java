package dev.holdfast.dataplane.exchange;

import dev.holdfast.plan.Route;

/** Where a redirect leads (Gateway API HTTPRequestRedirectFilter). */
final class Redirects {
    private Redirects() {}

    /** What the filter leaves out is the request's own; the port that a scheme implies is not written. */
    static String location(Route.Action.Redirect redirect, boolean tls, String authority, String host, String target) {
        String scheme = redirect.scheme().isEmpty() ? (tls ? "https" : "http") : redirect.scheme();
        String name = redirect.hostname().isEmpty() ? host : redirect.hostname();
        int port = redirect.port();
        if (port == 0 && redirect.scheme().isEmpty()) {
            port = Paths.portOf(authority);
        }
        boolean defaultPort = port == 0 || (scheme.equals("https") ? port == 443 : port == 80);
        return scheme + "://" + name + (defaultPort ? "" : ":" + port) + HeaderRules.rewrite(redirect.path(), target);
    }
}
