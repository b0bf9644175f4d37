package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.util.AsciiString;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Names that most messages have, in lower case, as one object each: no copy, and a hash that is known. */
final class CommonNames {
    private static final int SLOTS = 512;
    private static final @Nullable AsciiString[] TABLE = new AsciiString[SLOTS];

    static {
        List<AsciiString> names = List.of(
                HttpHeaderNames.ACCEPT,
                HttpHeaderNames.ACCEPT_ENCODING,
                HttpHeaderNames.ACCEPT_LANGUAGE,
                HttpHeaderNames.ACCEPT_RANGES,
                HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN,
                HttpHeaderNames.AGE,
                HttpHeaderNames.AUTHORIZATION,
                HttpHeaderNames.CACHE_CONTROL,
                HttpHeaderNames.CONNECTION,
                HttpHeaderNames.CONTENT_ENCODING,
                HttpHeaderNames.CONTENT_LENGTH,
                HttpHeaderNames.CONTENT_SECURITY_POLICY,
                HttpHeaderNames.CONTENT_TYPE,
                HttpHeaderNames.COOKIE,
                HttpHeaderNames.DATE,
                HttpHeaderNames.ETAG,
                HttpHeaderNames.EXPIRES,
                HttpHeaderNames.HOST,
                HttpHeaderNames.IF_MODIFIED_SINCE,
                HttpHeaderNames.IF_NONE_MATCH,
                HttpHeaderNames.LAST_MODIFIED,
                HttpHeaderNames.LOCATION,
                HttpHeaderNames.ORIGIN,
                HttpHeaderNames.PRAGMA,
                HttpHeaderNames.REFERER,
                HttpHeaderNames.SERVER,
                HttpHeaderNames.SET_COOKIE,
                HttpHeaderNames.TRANSFER_ENCODING,
                HttpHeaderNames.USER_AGENT,
                HttpHeaderNames.VARY,
                HttpHeaderNames.VIA,
                HttpHeaderNames.X_FRAME_OPTIONS,
                AsciiString.cached("strict-transport-security"),
                AsciiString.cached("x-content-type-options"),
                AsciiString.cached("x-forwarded-for"),
                AsciiString.cached("x-forwarded-proto"),
                AsciiString.cached("x-request-id"),
                AsciiString.cached("x-xss-protection"));
        for (AsciiString name : names) {
            byte[] octets = name.toByteArray();
            int slot = slot(octets, 0, octets.length);
            while (TABLE[slot] != null) {
                slot = (slot + 1) % SLOTS;
            }
            TABLE[slot] = name;
        }
    }

    private CommonNames() {}

    /** The name in lower case. */
    static AsciiString lowered(byte[] octets, int begin, int end) {
        int length = end - begin;
        int slot = slot(octets, begin, length);
        for (AsciiString known = TABLE[slot]; known != null; known = TABLE[slot]) {
            if (known.length() == length && known.regionMatches(true, 0, view(octets, begin, length), 0, length)) {
                return known;
            }
            slot = (slot + 1) % SLOTS;
        }
        return new AsciiString(octets, begin, length, true).toLowerCase();
    }

    private static AsciiString view(byte[] octets, int begin, int length) {
        return new AsciiString(octets, begin, length, false);
    }

    private static int slot(byte[] octets, int begin, int length) {
        int first = octets[begin] | 0x20;
        int middle = octets[begin + length / 2] | 0x20;
        int last = octets[begin + length - 1] | 0x20;
        return (length * 131 + first * 31 + middle * 17 + last * 7) & (SLOTS - 1);
    }
}
