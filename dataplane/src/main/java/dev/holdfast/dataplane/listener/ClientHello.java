package dev.holdfast.dataplane.listener;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a ClientHello offers (RFC 8446 §4.1.2), without the values that are there to be ignored (GREASE, RFC 8701), and what that
 * comes to as fingerprints:
 *
 * <pre>
 *   JA3  MD5 of 771,4865-4866,0-23-65281-10-11,29-23-24,0
 *   JA4  t13d1516h2_8daaf6152771_e5627efa2ab1
 * </pre>
 *
 * @param version as in the message itself, {@code supported_versions} left aside
 * @param points formats of elliptic curve points
 */
record ClientHello(
        int version,
        List<Integer> ciphers,
        List<Integer> extensions,
        List<Integer> groups,
        List<Integer> points,
        List<Integer> signatures,
        List<Integer> versions,
        byte[] alpn) {
    private static final int SERVER_NAME = 0;
    private static final int GROUPS = 10;
    private static final int POINTS = 11;
    private static final int SIGNATURES = 13;
    private static final int ALPN = 16;
    private static final int VERSIONS = 43;

    /**
     * Of the message without its type and length.
     *
     * @throws IndexOutOfBoundsException where it is cut off, or a length in it leads out of it
     */
    static ClientHello of(ByteBuf message) {
        ByteBuf in = message.slice();
        int version = in.readUnsignedShort();
        in.skipBytes(32);
        in.skipBytes(in.readUnsignedByte());
        List<Integer> ciphers = shorts(in.readSlice(in.readUnsignedShort()));
        in.skipBytes(in.readUnsignedByte());
        List<Integer> extensions = new ArrayList<>();
        List<Integer> groups = List.of();
        List<Integer> points = List.of();
        List<Integer> signatures = List.of();
        List<Integer> versions = List.of();
        byte[] alpn = {};
        ByteBuf all = in.isReadable() ? in.readSlice(in.readUnsignedShort()) : in;
        while (all.isReadable()) {
            int type = all.readUnsignedShort();
            ByteBuf body = all.readSlice(all.readUnsignedShort());
            if (isGrease(type)) {
                continue;
            }
            extensions.add(type);
            switch (type) {
                case GROUPS -> groups = shorts(body.readSlice(body.readUnsignedShort()));
                case SIGNATURES -> signatures = shorts(body.readSlice(body.readUnsignedShort()));
                case VERSIONS -> versions = shorts(body.readSlice(body.readUnsignedByte()));
                case POINTS -> {
                    List<Integer> formats = new ArrayList<>();
                    for (int left = body.readUnsignedByte(); left > 0; left--) {
                        formats.add((int) body.readUnsignedByte());
                    }
                    points = formats;
                }
                case ALPN -> {
                    body.skipBytes(2);
                    alpn = new byte[body.readUnsignedByte()];
                    body.readBytes(alpn);
                }
                default -> {}
            }
        }
        return new ClientHello(version, ciphers, extensions, groups, points, signatures, versions, alpn);
    }

    private static List<Integer> shorts(ByteBuf in) {
        List<Integer> out = new ArrayList<>();
        while (in.isReadable()) {
            int value = in.readUnsignedShort();
            if (!isGrease(value)) {
                out.add(value);
            }
        }
        return out;
    }

    private static boolean isGrease(int value) {
        return (value & 0x0f0f) == 0x0a0a && value >>> 8 == (value & 0xff);
    }

    /** As github.com/salesforce/ja3 says. */
    String ja3() {
        String text = version + "," + decimal(ciphers) + "," + decimal(extensions) + "," + decimal(groups) + ","
                + decimal(points);
        return digest("MD5", text);
    }

    private static String decimal(List<Integer> values) {
        return values.stream().map(String::valueOf).collect(Collectors.joining("-"));
    }

    /** As github.com/FoxIO-LLC/ja4 says, for TLS over TCP. */
    String ja4() {
        String hashed = extensions.isEmpty()
                ? ""
                : hex(extensions.stream()
                                .filter(e -> e != SERVER_NAME && e != ALPN)
                                .sorted()
                                .toList())
                        + (signatures.isEmpty() ? "" : "_" + hex(signatures));
        return "t" + name(versions.stream().mapToInt(v -> v).max().orElse(version))
                + (extensions.contains(SERVER_NAME) ? "d" : "i")
                + count(ciphers) + count(extensions) + ends() + "_"
                + cut(hex(ciphers.stream().sorted().toList())) + "_" + cut(hashed);
    }

    private static String name(int version) {
        return switch (version) {
            case 0x0304 -> "13";
            case 0x0303 -> "12";
            case 0x0302 -> "11";
            case 0x0301 -> "10";
            case 0x0300 -> "s3";
            default -> "00";
        };
    }

    private static String count(List<Integer> values) {
        int shown = Math.min(values.size(), 99);
        return (shown < 10 ? "0" : "") + shown;
    }

    /** The first and last character of the first protocol of ALPN, of its hexadecimal form where one of them is no letter or digit. */
    private String ends() {
        if (alpn.length == 0) {
            return "00";
        }
        char first = (char) (alpn[0] & 0xff);
        char last = (char) (alpn[alpn.length - 1] & 0xff);
        if (!isAlphanumeric(first) || !isAlphanumeric(last)) {
            String hex = HexFormat.of().formatHex(alpn);
            return "" + hex.charAt(0) + hex.charAt(hex.length() - 1);
        }
        return "" + first + last;
    }

    private static boolean isAlphanumeric(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    }

    private static String hex(List<Integer> values) {
        return values.stream()
                .map(v -> HexFormat.of().toHexDigits(v.shortValue()))
                .collect(Collectors.joining(","));
    }

    private static String cut(String text) {
        return text.isEmpty() ? "000000000000" : digest("SHA-256", text).substring(0, 12);
    }

    private static String digest(String algorithm, String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance(algorithm).digest(text.getBytes(StandardCharsets.US_ASCII)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has " + algorithm, impossible);
        }
    }
}
