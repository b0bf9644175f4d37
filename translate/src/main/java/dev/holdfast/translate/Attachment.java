package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Locale;

/** A route that a listener has taken, and under which host names: {@code *} stands for any. */
record Attachment(Resource route, GatewayListener listener, List<String> hostnames) {
    /** More than a host name has characters. */
    private static final int EXACT = 1_000;

    /**
     * How close the route itself comes to {@code hostname}, one of {@link #hostnames}, which the listener may have narrowed: of
     * routes under one name those that wrote it come before those whose wildcard covers it, and a longer wildcard before a
     * shorter (Gateway API, HTTPRouteSpec.hostnames).
     *
     * @return larger is closer; 0 for a route that names no host
     */
    int closeness(String hostname) {
        String door = listener.hostname().orElse("*");
        int most = 0;
        for (Field item : route.spec().get("hostnames").items()) {
            String own = item.text("").toLowerCase(Locale.ROOT);
            if (!own.equals("*")
                    && Hostnames.intersect(door, own).filter(hostname::equals).isPresent()) {
                most = Math.max(most, own.length() + (own.startsWith("*.") ? 0 : EXACT));
            }
        }
        return most;
    }
}
