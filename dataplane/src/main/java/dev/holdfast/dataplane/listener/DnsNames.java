package dev.holdfast.dataplane.listener;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The DNS names of a certificate (RFC 5280 §4.2.1.6), read from the DER itself: the JDK refuses the whole extension where any
 * other name in it is not as it should be, for example the URI {@code *}, and such certificates serve well elsewhere.
 */
final class DnsNames {
    private static final String SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
    private static final int DNS_NAME = 0x82;

    private DnsNames() {}

    static List<String> of(X509Certificate certificate) {
        byte[] extension = certificate.getExtensionValue(SUBJECT_ALTERNATIVE_NAME);
        List<String> out = new ArrayList<>();
        if (extension != null) {
            // An octet string that holds a sequence of tagged names.
            ByteBuffer names = value(value(ByteBuffer.wrap(extension)));
            while (names.hasRemaining()) {
                int tag = names.get(names.position()) & 0xff;
                ByteBuffer name = value(names);
                if (tag == DNS_NAME) {
                    out.add(StandardCharsets.US_ASCII.decode(name).toString().toLowerCase(Locale.ROOT));
                }
            }
        }
        return List.copyOf(out);
    }

    /** The contents of the element at the buffer's position, which moves past it; empty where it is cut short. */
    private static ByteBuffer value(ByteBuffer from) {
        if (from.remaining() < 2) {
            return end(from);
        }
        from.get();
        int length = from.get() & 0xff;
        if (length > 0x80) {
            int bytes = length & 0x7f;
            if (bytes > 3 || from.remaining() < bytes) {
                return end(from);
            }
            length = 0;
            for (int i = 0; i < bytes; i++) {
                length = length << 8 | from.get() & 0xff;
            }
        }
        if (length > from.remaining()) {
            return end(from);
        }
        ByteBuffer out = from.slice(from.position(), length);
        from.position(from.position() + length);
        return out;
    }

    private static ByteBuffer end(ByteBuffer from) {
        from.position(from.limit());
        return ByteBuffer.allocate(0);
    }
}
