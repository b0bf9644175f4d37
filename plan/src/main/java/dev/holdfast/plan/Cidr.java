package dev.holdfast.plan;

import java.util.HexFormat;
import java.util.Optional;

/**
 * A range of IP addresses (RFC 4632 §3.1, RFC 4291 §2.3), {@code 10.0.0.0/8}.
 *
 * @param network 4 or 16 octets in hex, those beyond the prefix zero
 * @param text as written
 */
public record Cidr(String network, int prefix, String text) {
    /** Empty where {@code text} is no range. An address alone is a range of one. */
    public static Optional<Cidr> parse(String text) {
        int slash = text.indexOf('/');
        byte[] address = IpAddress.parse(slash < 0 ? text : text.substring(0, slash));
        if (address.length == 0) {
            return Optional.empty();
        }
        int bits = address.length * 8;
        int prefix = slash < 0 ? bits : number(text.substring(slash + 1));
        if (prefix < 0 || prefix > bits) {
            return Optional.empty();
        }
        for (int i = 0; i < address.length; i++) {
            address[i] &= (byte) mask(prefix, i);
        }
        return Optional.of(new Cidr(HexFormat.of().formatHex(address), prefix, text));
    }

    /** Whether the address (4 or 16 octets) lies in it; one of the other family never does. */
    public boolean contains(byte[] address) {
        if (address.length * 2 != network.length()) {
            return false;
        }
        for (int i = 0; i * 8 < prefix; i++) {
            int octet = HexFormat.fromHexDigits(network, i * 2, i * 2 + 2);
            if ((address[i] & mask(prefix, i)) != octet) {
                return false;
            }
        }
        return true;
    }

    private static int mask(int prefix, int octet) {
        int left = Math.clamp(prefix - octet * 8L, 0, 8);
        return 0xff << (8 - left) & 0xff;
    }

    private static int number(String text) {
        return text.matches("[0-9]{1,3}") ? Integer.parseInt(text) : -1;
    }

    @Override
    public String toString() {
        return text;
    }
}
