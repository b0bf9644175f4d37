package dev.holdfast.xds.resource;

import dev.holdfast.plan.Cidr;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The network of a range as Envoy writes addresses: IPv6 in its shortest form (RFC 5952). */
final class Networks {
    private Networks() {}

    static String text(Cidr range) {
        byte[] octets = HexFormat.of().parseHex(range.network());
        if (octets.length == 4) {
            try {
                return InetAddress.getByAddress(octets).getHostAddress();
            } catch (UnknownHostException fourOctetsAreFine) {
                throw new IllegalStateException(fourOctetsAreFine);
            }
        }
        int[] groups = new int[8];
        for (int i = 0; i < 8; i++) {
            groups[i] = (octets[2 * i] & 0xff) << 8 | octets[2 * i + 1] & 0xff;
        }
        int from = -1;
        int length = 1;
        for (int i = 0; i < 8; i++) {
            int end = i;
            while (end < 8 && groups[end] == 0) {
                end++;
            }
            if (end - i > length) {
                from = i;
                length = end - i;
            }
        }
        return from < 0 ? part(groups, 0, 8) : part(groups, 0, from) + "::" + part(groups, from + length, 8);
    }

    private static String part(int[] groups, int from, int to) {
        List<String> out = new ArrayList<>();
        for (int i = from; i < to; i++) {
            out.add(Integer.toHexString(groups[i]));
        }
        return String.join(":", out);
    }
}
