package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What is wrong with a handshake before a backend has been asked. */
final class Handshakes {
    private Handshakes() {}

    /** Null where nothing is wrong, or where the request is no upgrade. */
    static @Nullable ProxyFailure problem(RequestHead head, Route route, Downstream.Connection connection) {
        String upgrade = head.upgrade();
        if (upgrade == null) {
            return null;
        }
        if (head.connects() ? !route.tunnels() : !route.upgrades().contains(upgrade)) {
            return ProxyFailure.UPGRADE_NOT_ALLOWED;
        }
        if (!upgrade.equals("websocket")) {
            return null;
        }
        StreamRules.Origins origins = route.streams().origins();
        if (origins.checked()) {
            for (String origin : head.headers().getAll(HttpHeaderNames.ORIGIN)) {
                if (!allowed(origin, head.authority(), origins, connection.tls())) {
                    return ProxyFailure.ORIGIN_NOT_ALLOWED;
                }
            }
        }
        if (head.multiplexed()) {
            return null;
        }
        // RFC 6455 §4.2.1: GET, a key of 16 octets in base64, version 13; §4.4 says how another version is answered.
        String key = head.headers().get(HttpHeaderNames.SEC_WEBSOCKET_KEY, "");
        if (!head.method().equals("GET") || key.strip().length() != 24) {
            return ProxyFailure.UPGRADE_MALFORMED;
        }
        return head.headers()
                        .get(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "")
                        .strip()
                        .equals("13")
                ? null
                : ProxyFailure.UPGRADE_VERSION;
    }

    /** The page's own host, or one that the policy names. Scheme and port count, default ports being the scheme's. */
    static boolean allowed(String given, String authority, StreamRules.Origins origins, boolean tls) {
        String origin = given.strip().toLowerCase(Locale.ROOT);
        int at = origin.indexOf("://");
        if (at < 0) {
            // "null" is what sandboxed pages and files send: nobody's page in particular.
            return origins.allowed().contains("*");
        }
        String scheme = origin.substring(0, at);
        String originHost = Paths.hostOf(origin.substring(at + 3));
        int originPort = port(origin.substring(at + 3), scheme);
        // Behind a balancer that ends TLS the page is https though the connection is not.
        int ownPort = port(authority, tls ? "https" : scheme);
        if (originHost.equals(Paths.hostOf(authority)) && originPort == ownPort) {
            return true;
        }
        for (String pattern : origins.allowed()) {
            if (pattern.equals("*") || matches(pattern, scheme, originHost, originPort)) {
                return true;
            }
        }
        return false;
    }

    private static boolean matches(String pattern, String scheme, String host, int port) {
        int at = pattern.indexOf("://");
        if (at < 0 || !pattern.substring(0, at).equals(scheme)) {
            return false;
        }
        String rest = pattern.substring(at + 3);
        String wanted = Paths.hostOf(rest);
        boolean same = wanted.startsWith("*.")
                ? host.endsWith(wanted.substring(1)) && host.length() > wanted.length() - 1
                : wanted.equals(host);
        return same && port(rest, scheme) == port;
    }

    private static int port(String authority, String scheme) {
        int port = Paths.portOf(authority);
        return port != 0 ? port : scheme.equals("https") || scheme.equals("wss") ? 443 : 80;
    }
}
