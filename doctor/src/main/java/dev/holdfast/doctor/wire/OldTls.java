package dev.holdfast.doctor.wire;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Asks for TLS 1.0 or 1.1, which Java itself no longer speaks: one ClientHello (RFC 4346 §7.4.1.2) goes out, and
 * {@code 16 03 01 .. .. 02 .. .. .. 03 01}, a ServerHello of that version, means yes.
 */
public final class OldTls {
    private static final int[] CIPHERS = {0xc013, 0xc014, 0xc009, 0xc00a, 0x002f, 0x0035, 0x000a};

    private OldTls() {}

    /** @param minor 1 for TLS 1.0, 2 for TLS 1.1 */
    public static boolean accepted(Wire plain, String serverName, int minor, Deadline deadline) {
        try {
            plain.transcript().add(plain.id(), "> TLS ClientHello of version 1." + (minor - 1));
            plain.write(record(hello(serverName, minor), minor));
            byte[] answer = new byte[11];
            for (int i = 0; i < answer.length; i++) {
                int octet = plain.read(deadline);
                if (octet < 0) {
                    return false;
                }
                answer[i] = (byte) octet;
            }
            return answer[0] == 22 && answer[5] == 2 && answer[9] == 3 && answer[10] == minor;
        } catch (IOException refused) {
            return false;
        }
    }

    private static byte[] record(byte[] hello, int minor) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeByte(22);
        out.writeShort(0x0300 | minor);
        out.writeShort(hello.length + 4);
        out.writeInt(1 << 24 | hello.length);
        out.write(hello);
        return bytes.toByteArray();
    }

    private static byte[] hello(String serverName, int minor) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeShort(0x0300 | minor);
        byte[] random = new byte[32];
        ThreadLocalRandom.current().nextBytes(random);
        out.write(random);
        out.writeByte(0);
        out.writeShort(CIPHERS.length * 2);
        for (int cipher : CIPHERS) {
            out.writeShort(cipher);
        }
        out.writeShort(0x0100);
        byte[] extensions = extensions(serverName);
        out.writeShort(extensions.length);
        out.write(extensions);
        return bytes.toByteArray();
    }

    private static byte[] extensions(String serverName) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        if (!serverName.matches("[0-9.]+|.*:.*")) {
            byte[] name = serverName.getBytes(StandardCharsets.US_ASCII);
            out.writeShort(0);
            out.writeShort(name.length + 5);
            out.writeShort(name.length + 3);
            out.writeByte(0);
            out.writeShort(name.length);
            out.write(name);
        }
        out.write(new byte[] {0, 10, 0, 6, 0, 4, 0, 23, 0, 24, 0, 11, 0, 2, 1, 0});
        return bytes.toByteArray();
    }
}
