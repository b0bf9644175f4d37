package dev.holdfast.dataplane.filter.security;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.SecurityFilter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * CheckRequest and CheckResponse of Envoy's external_auth.proto (v3), of which a few fields are used. Their numbers stand
 * here rather than in generated classes, for those bring hundreds of Envoy's messages with them, and half a second of start.
 */
final class CheckMessages {
    /** Structs within structs that are read. */
    private static final int DEEPEST = 32;

    private CheckMessages() {}

    /** A HeaderValueOption. */
    record Header(String name, String value, boolean append) {}

    /**
     * @param code of google.rpc.Status, 0 lets pass
     * @param status of a denial, 0 where it names none
     * @param headers of a denial for the client, else for the backend
     * @param told the dynamic metadata, for later filters
     */
    record Response(
            int code,
            int status,
            List<Header> headers,
            List<String> remove,
            List<Header> toClient,
            byte[] body,
            Map<String, Object> told) {}

    private interface Fields {
        void write(CodedOutputStream out) throws IOException;
    }

    static byte[] request(FilterRequest request, SecurityFilter.ExtAuth auth, ByteBuf body) {
        return message(check -> field(check, 1, attributes -> {
            field(
                    attributes,
                    1,
                    source -> field(
                            source,
                            1,
                            address -> field(address, 1, socket -> {
                                socket.writeString(2, request.connection().remoteIp());
                                socket.writeUInt32(3, request.connection().remotePort());
                            })));
            field(attributes, 4, asked -> field(asked, 2, http -> http(http, request, auth, body)));
            for (Map.Entry<String, dev.holdfast.plan.SecretText> extension :
                    auth.context().entrySet()) {
                entry(attributes, 10, extension.getKey(), extension.getValue().reveal());
            }
        }));
    }

    private static void http(CodedOutputStream http, FilterRequest request, SecurityFilter.ExtAuth auth, ByteBuf body)
            throws IOException {
        String method = request.head().meant();
        String authority = request.head().authority();
        String scheme = request.connection().tls() ? "https" : "http";
        http.writeString(1, request.head().headers().get("x-request-id", ""));
        http.writeString(2, method);
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put(":authority", authority);
        headers.put(":method", method);
        headers.put(":path", request.target());
        headers.put(":scheme", scheme);
        for (Map.Entry<String, String> header : request.head().headers()) {
            String name = header.getKey().toLowerCase(java.util.Locale.ROOT);
            if (auth.headers().isEmpty() || auth.headers().contains(name) || name.equals("authorization")) {
                headers.merge(name, header.getValue(), (a, b) -> a + "," + b);
            }
        }
        for (Map.Entry<String, String> header : headers.entrySet()) {
            entry(http, 3, header.getKey(), header.getValue());
        }
        http.writeString(4, request.target());
        http.writeString(5, authority);
        http.writeString(6, scheme);
        http.writeInt64(9, body.isReadable() ? body.readableBytes() : -1);
        http.writeString(10, "HTTP/" + request.head().protocol().version());
        if (body.isReadable()) {
            http.writeString(11, body.toString(StandardCharsets.UTF_8));
            http.writeByteArray(12, ByteBufUtil.getBytes(body));
        }
    }

    private static void entry(CodedOutputStream out, int number, String key, String value) throws IOException {
        field(out, number, map -> {
            map.writeString(1, key);
            map.writeString(2, value);
        });
    }

    private static void field(CodedOutputStream out, int number, Fields fields) throws IOException {
        out.writeByteArray(number, message(fields));
    }

    private static byte[] message(Fields fields) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            fields.write(out);
            out.flush();
            return bytes.toByteArray();
        } catch (IOException neverInMemory) {
            throw new UncheckedIOException(neverInMemory);
        }
    }

    /** What a message is read into, as its fields come. */
    private static final class Reading {
        int code;
        int status;
        byte[] body = {};
        final List<Header> headers = new ArrayList<>();
        final List<String> remove = new ArrayList<>();
        final List<Header> toClient = new ArrayList<>();
        final Map<String, Object> told = new HashMap<>();
    }

    private interface Field {
        void read(int number, CodedInputStream in) throws IOException;
    }

    /** @throws IOException where the message is cut off, or longer than it says */
    static Response response(byte[] bytes, int from) throws IOException {
        Reading to = new Reading();
        each(CodedInputStream.newInstance(bytes, from, bytes.length - from), (number, in) -> {
            switch (number) {
                case 1 ->
                    nested(in, (n, status) -> {
                        if (n == 1) {
                            to.code = status.readInt32();
                        } else {
                            skip(status);
                        }
                    });
                case 2 -> nested(in, (n, denied) -> denied(n, denied, to));
                case 3 -> nested(in, (n, ok) -> ok(n, ok, to));
                case 4 -> struct(in, to.told, 0);
                default -> skip(in);
            }
        });
        return new Response(to.code, to.status, to.headers, to.remove, to.toClient, to.body, to.told);
    }

    private static void denied(int number, CodedInputStream in, Reading to) throws IOException {
        switch (number) {
            case 1 ->
                nested(in, (n, status) -> {
                    if (n == 1) {
                        to.status = status.readEnum();
                    } else {
                        skip(status);
                    }
                });
            case 2 -> to.headers.add(header(in));
            case 3 -> to.body = in.readByteArray();
            default -> skip(in);
        }
    }

    private static void ok(int number, CodedInputStream in, Reading to) throws IOException {
        switch (number) {
            case 2 -> to.headers.add(header(in));
            case 5 -> to.remove.add(in.readString());
            case 6 -> to.toClient.add(header(in));
            default -> skip(in);
        }
    }

    /** A google.protobuf.Struct: texts and numbers at any name of any struct within; the rest is left out. */
    private static void struct(CodedInputStream in, Map<String, Object> to, int depth) throws IOException {
        if (depth > DEEPEST) {
            throw new IOException("deeper than " + DEEPEST + " structs");
        }
        nested(in, (number, entries) -> {
            if (number != 1) {
                skip(entries);
                return;
            }
            String[] key = {""};
            @Nullable Object[] found = {null};
            nested(entries, (n, entry) -> {
                switch (n) {
                    case 1 -> key[0] = entry.readString();
                    case 2 -> nested(entry, (kind, value) -> found[0] = value(kind, value, depth));
                    default -> skip(entry);
                }
            });
            if (found[0] != null) {
                to.put(key[0], found[0]);
            }
        });
    }

    private static @Nullable Object value(int kind, CodedInputStream in, int depth) throws IOException {
        switch (kind) {
            case 2 -> {
                return in.readDouble();
            }
            case 3 -> {
                return in.readString();
            }
            case 5 -> {
                Map<String, Object> within = new HashMap<>();
                struct(in, within, depth + 1);
                return within;
            }
            default -> {
                skip(in);
                return null;
            }
        }
    }

    private static Header header(CodedInputStream in) throws IOException {
        String[] text = {"", ""};
        boolean[] append = {false};
        nested(in, (number, option) -> {
            switch (number) {
                case 1 ->
                    nested(option, (n, value) -> {
                        switch (n) {
                            case 1 -> text[0] = value.readString();
                            case 2, 3 -> text[1] = value.readString();
                            default -> skip(value);
                        }
                    });
                case 2 ->
                    nested(option, (n, flag) -> {
                        if (n == 1) {
                            append[0] = flag.readBool();
                        } else {
                            skip(flag);
                        }
                    });
                default -> skip(option);
            }
        });
        return new Header(text[0], text[1], append[0]);
    }

    private static void nested(CodedInputStream in, Field field) throws IOException {
        int limit = in.pushLimit(in.readRawVarint32());
        each(in, field);
        in.checkLastTagWas(0);
        in.popLimit(limit);
    }

    private static void each(CodedInputStream in, Field field) throws IOException {
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            field.read(WireFormat.getTagFieldNumber(tag), in);
        }
    }

    private static void skip(CodedInputStream in) throws IOException {
        in.skipField(in.getLastTag());
    }
}
