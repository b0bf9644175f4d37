package dev.holdfast.resource.read;

import java.net.InetAddress;

/** Whether a text is an IP address; never asks a name server. */
final class IpText {
    private IpText() {}

    static boolean isIp(String text) {
        if (text.length() > 45 || text.isEmpty()) {
            return false;
        }
        try {
            InetAddress.ofLiteral(text);
            return true;
        } catch (IllegalArgumentException isNone) {
            return false;
        }
    }
}
