package dev.holdfast.console;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Whether a request was meant for this address. A page elsewhere on the web can have its name resolve to 127.0.0.1 (DNS
 * rebinding) or send requests here (cross-site request forgery): a Host that is neither loopback nor ours, and an
 * Origin that is not this very address, are refused.
 */
final class HostRule {
    private final String boundName;

    HostRule(String boundName) {
        this.boundName = boundName.toLowerCase(Locale.ROOT);
    }

    /** {@code local} is the address that the connection came in on. */
    boolean allows(@Nullable String host, @Nullable String origin, InetSocketAddress local) {
        if (host == null || !ours(name(host), local.getAddress())) {
            return false;
        }
        // A proxy before it may speak TLS to the browser.
        return origin == null
                || origin.equalsIgnoreCase("http://" + host)
                || origin.equalsIgnoreCase("https://" + host);
    }

    private boolean ours(String name, InetAddress local) {
        return name.equals("localhost")
                || name.endsWith(".localhost")
                || name.equals("[::1]")
                || name.matches("127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}")
                || name.equals(boundName)
                || name.equals(local.getHostAddress())
                || name.equals("[" + local.getHostAddress() + "]");
    }

    /** The host without its port: {@code [::1]:19000} gives {@code [::1]}. */
    static String name(String host) {
        int bracket = host.lastIndexOf(']');
        int colon = host.indexOf(':', Math.max(bracket, 0));
        return (colon < 0 ? host : host.substring(0, colon)).toLowerCase(Locale.ROOT);
    }
}
