package dev.holdfast.plan;

import java.util.Arrays;

/** Text of IP addresses into octets, without asking a name server. */
public final class IpAddress {
    private static final byte[] NONE = {};

    private IpAddress() {}

    /**
     * 4 or 16 octets, none where {@code text} is no address. An IPv4 address in IPv6 form (RFC 4291 §2.5.5.2) is an IPv4
     * address; a zone ({@code %eth0}) is left out.
     */
    public static byte[] parse(String text) {
        int zone = text.indexOf('%');
        String address = zone < 0 ? text : text.substring(0, zone);
        if (address.indexOf(':') < 0) {
            return v4(address);
        }
        byte[] octets = v6(address);
        boolean mapped = octets.length == 16;
        for (int i = 0; mapped && i < 12; i++) {
            mapped = octets[i] == (i < 10 ? 0 : (byte) 0xff);
        }
        return mapped ? Arrays.copyOfRange(octets, 12, 16) : octets;
    }

    private static byte[] v4(String text) {
        String[] parts = text.split("\\.", -1);
        if (parts.length != 4) {
            return NONE;
        }
        byte[] out = new byte[4];
        for (int i = 0; i < 4; i++) {
            if (!parts[i].matches("[0-9]{1,3}") || Integer.parseInt(parts[i]) > 255) {
                return NONE;
            }
            out[i] = (byte) Integer.parseInt(parts[i]);
        }
        return out;
    }

    private static byte[] v6(String text) {
        int gap = text.indexOf("::");
        if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
            return NONE;
        }
        byte[] front = groups(gap < 0 ? text : text.substring(0, gap));
        byte[] back = groups(gap < 0 ? "" : text.substring(gap + 2));
        boolean whole = gap < 0 ? front.length == 16 : front.length + back.length < 16;
        if (!whole || isBad(front) || isBad(back)) {
            return NONE;
        }
        byte[] out = new byte[16];
        System.arraycopy(front, 0, out, 0, front.length);
        System.arraycopy(back, 0, out, 16 - back.length, back.length);
        return out;
    }

    /** One octet stands for text that is none of an address. */
    private static boolean isBad(byte[] groups) {
        return groups.length % 2 != 0;
    }

    private static byte[] groups(String text) {
        if (text.isEmpty()) {
            return NONE;
        }
        String[] parts = text.split(":", -1);
        byte[] out = new byte[parts.length * 2 + 2];
        int at = 0;
        for (int i = 0; i < parts.length; i++) {
            if (i == parts.length - 1 && parts[i].indexOf('.') >= 0) {
                byte[] last = v4(parts[i]);
                if (last.length == 0) {
                    return new byte[1];
                }
                System.arraycopy(last, 0, out, at, 4);
                at += 4;
            } else if (parts[i].matches("[0-9a-fA-F]{1,4}")) {
                int group = Integer.parseInt(parts[i], 16);
                out[at++] = (byte) (group >> 8);
                out[at++] = (byte) group;
            } else {
                return new byte[1];
            }
        }
        return at > 16 ? new byte[1] : Arrays.copyOf(out, at);
    }
}
