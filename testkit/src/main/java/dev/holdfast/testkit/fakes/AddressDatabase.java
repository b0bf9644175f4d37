package dev.holdfast.testkit.fakes;

import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A small database of addresses in MaxMind's format 2.0: a tree of bits, IPv4 below {@code ::/96}, whose leaves point at maps;
 * then the maps, then what the whole is. For tests, so networks must not lie within one another.
 */
public final class AddressDatabase {
    private static final int IPV6_BITS = 128;
    private static final int IPV4_AT = 96;
    private static final int SEPARATOR = 16;
    private static final byte[] MARK = {
        (byte) 0xab, (byte) 0xcd, (byte) 0xef, 'M', 'a', 'x', 'M', 'i', 'n', 'd', '.', 'c', 'o', 'm'
    };

    private final String type;
    private final List<Node> nodes = new ArrayList<>(List.of(new Node()));
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    /** Each side is 0 for nothing, a node's number, or below zero a map's place less one, turned round. */
    private static final class Node {
        final int[] sides = new int[2];
    }

    public AddressDatabase(String type) {
        this.type = type;
    }

    /** @param network as {@code 192.0.2.0/24} or {@code 2001:db8::/32} */
    public AddressDatabase with(String network, Map<String, Object> record) {
        String[] parts = network.split("/", 2);
        byte[] address = address(parts[0]);
        int bits = Integer.parseInt(parts[1]);
        byte[] whole = new byte[IPV6_BITS / 8];
        System.arraycopy(address, 0, whole, whole.length - address.length, address.length);
        int length = address.length == 4 ? IPV4_AT + bits : bits;
        int place = data.size();
        write(record, data);
        int at = 0;
        for (int bit = 0; bit < length; bit++) {
            int side = whole[bit / 8] >> (7 - bit % 8) & 1;
            int[] sides = nodes.get(at).sides;
            if (bit == length - 1) {
                sides[side] = -place - 1;
                return this;
            }
            if (sides[side] == 0) {
                nodes.add(new Node());
                sides[side] = nodes.size() - 1;
            }
            at = sides[side];
        }
        throw new IllegalArgumentException(network);
    }

    private static byte[] address(String text) {
        try {
            return InetAddress.getByName(text).getAddress();
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    public byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (Node node : nodes) {
            for (int side : node.sides) {
                int record = side < 0 ? nodes.size() + SEPARATOR - side - 1 : side == 0 ? nodes.size() : side;
                out.writeBytes(ByteBuffer.allocate(4).putInt(record).array());
            }
        }
        out.writeBytes(new byte[SEPARATOR]);
        out.writeBytes(data.toByteArray());
        out.writeBytes(MARK);
        Map<String, Object> all = new TreeMap<>();
        all.put("binary_format_major_version", (short) 2);
        all.put("binary_format_minor_version", (short) 0);
        all.put("build_epoch", 1_700_000_000L);
        all.put("database_type", type);
        all.put("description", Map.of("en", "for tests"));
        all.put("ip_version", (short) 6);
        all.put("languages", List.of("en"));
        all.put("node_count", nodes.size());
        all.put("record_size", (short) 32);
        write(all, out);
        return out.toByteArray();
    }

    private static void write(Object value, ByteArrayOutputStream out) {
        switch (value) {
            case String text -> {
                byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
                control(2, bytes.length, out);
                out.writeBytes(bytes);
            }
            case Short number -> number(5, number, out);
            case Integer number -> number(6, number, out);
            case Long number -> number(9, number, out);
            case Boolean truth -> control(14, truth ? 1 : 0, out);
            case Map<?, ?> map -> {
                control(7, map.size(), out);
                new TreeMap<Object, Object>(map).forEach((name, of) -> {
                    write(name, out);
                    write(of, out);
                });
            }
            case List<?> list -> {
                control(11, list.size(), out);
                list.forEach(of -> write(of, out));
            }
            default -> throw new IllegalArgumentException(value.toString());
        }
    }

    /** Without the zeros that it would begin with. */
    private static void number(int kind, long number, ByteArrayOutputStream out) {
        int length = (Long.SIZE - Long.numberOfLeadingZeros(number) + 7) / 8;
        control(kind, length, out);
        for (int i = length - 1; i >= 0; i--) {
            out.write((int) (number >> (8 * i)));
        }
    }

    /** Three bits of kind, of one above 7 in an octet more; then the size, of one above 28 in an octet more. */
    private static void control(int kind, int size, ByteArrayOutputStream out) {
        int small = Math.min(size, 29);
        out.write((kind > 7 ? 0 : kind << 5) | small);
        if (kind > 7) {
            out.write(kind - 7);
        }
        if (small == 29) {
            out.write(size - 29);
        }
    }
}
