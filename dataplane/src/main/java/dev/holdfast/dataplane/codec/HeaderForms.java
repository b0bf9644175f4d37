package dev.holdfast.dataplane.codec;

import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.handler.codec.Headers;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValidationUtil;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Between the forms of headers: pseudo-headers apart, cookies joined (RFC 9113 §8.2.3, RFC 9114 §4.2.1), names lower-case.
 * HTTP/2 and HTTP/3 have theirs in common.
 */
public final class HeaderForms {
    // Names that know their hash.
    private static final AsciiString METHOD = Http2Headers.PseudoHeaderName.METHOD.value();
    private static final AsciiString PATH = Http2Headers.PseudoHeaderName.PATH.value();
    private static final AsciiString PROTOCOL = Http2Headers.PseudoHeaderName.PROTOCOL.value();
    private static final AsciiString AUTHORITY = Http2Headers.PseudoHeaderName.AUTHORITY.value();
    private static final AsciiString SCHEME = Http2Headers.PseudoHeaderName.SCHEME.value();
    private static final AsciiString STATUS = Http2Headers.PseudoHeaderName.STATUS.value();
    /** Fields that concern one connection alone (RFC 9110 §7.6.1); HTTP/2 and HTTP/3 forbid them. */
    private static final AsciiString[] OF_ONE_CONNECTION = {
        HttpHeaderNames.CONNECTION,
        AsciiString.cached("keep-alive"),
        AsciiString.cached("proxy-connection"),
        HttpHeaderNames.TRANSFER_ENCODING,
        HttpHeaderNames.UPGRADE
    };

    private HeaderForms() {}

    /** @throws IllegalArgumentException where a name or value has a character that none may have (RFC 9110 §5.5) */
    public static HttpHeaders toHttp1(Iterable<Map.Entry<CharSequence, CharSequence>> from) {
        HttpHeaders to = new FieldSection();
        StringBuilder cookies = new StringBuilder();
        for (Map.Entry<CharSequence, CharSequence> header : from) {
            CharSequence name = header.getKey();
            if (name.length() > 0 && name.charAt(0) == ':') {
                continue;
            }
            if (name.length() == 6 && "cookie".contentEquals(name)) {
                cookies.append(cookies.isEmpty() ? "" : "; ").append(header.getValue());
            } else {
                to.add(name, header.getValue());
            }
        }
        if (!cookies.isEmpty()) {
            to.set("cookie", cookies.toString());
        }
        return to;
    }

    /** All but what HTTP/2 forbids (RFC 9113 §8.2.2). */
    public static Http2Headers toHttp2(HttpHeaders from) {
        return add(from, new DefaultHttp2Headers(false));
    }

    /** Adds all but what HTTP/2 and HTTP/3 forbid (RFC 9114 §4.2). */
    public static <H extends Headers<CharSequence, CharSequence, H>> H add(HttpHeaders from, H to) {
        if (from instanceof FieldSection section) {
            section.eachLowered((name, value) -> {
                if (!isOfOneConnection(name) && !HttpHeaderNames.HOST.equals(name)) {
                    to.add(name, value);
                }
            });
            return to;
        }
        Iterator<Map.Entry<CharSequence, CharSequence>> all = from.iteratorCharSequence();
        while (all.hasNext()) {
            Map.Entry<CharSequence, CharSequence> header = all.next();
            AsciiString name = AsciiString.of(header.getKey()).toLowerCase();
            if (!isOfOneConnection(name) && !HttpHeaderNames.HOST.equals(name)) {
                to.add(name, header.getValue());
            }
        }
        return to;
    }

    private static boolean isOfOneConnection(AsciiString name) {
        for (AsciiString of : OF_ONE_CONNECTION) {
            if (of.equals(name)) {
                return true;
            }
        }
        return false;
    }

    private static boolean hasOneOfOneConnection(HttpHeaders headers) {
        for (AsciiString name : OF_ONE_CONNECTION) {
            if (headers.contains(name)) {
                return true;
            }
        }
        return false;
    }

    /** An answer's head. RFC 8441 §5: the 101 of HTTP/1.1 is a 200 here, without the handshake's key. */
    public static <H extends Headers<CharSequence, CharSequence, H>> H answer(ResponseHead head, H to) {
        add(head.headers(), to);
        if (head.status() == 101) {
            to.remove("sec-websocket-accept");
            to.remove("content-length");
            to.set(STATUS, HttpResponseStatus.OK.codeAsText());
        } else {
            to.set(STATUS, HttpResponseStatus.valueOf(head.status()).codeAsText());
        }
        return to;
    }

    /**
     * What a request's header section asks for; null where it is malformed (RFC 9113 §8.3.1, RFC 9114 §4.3.1; for extended
     * CONNECT RFC 8441 §4: {@code :scheme} and {@code :path} are there too). A CONNECT has neither (RFC 9113 §8.5); by
     * HTTP/3 none is taken.
     */
    public static @Nullable RequestHead request(HttpProtocol protocol, Headers<CharSequence, CharSequence, ?> from) {
        CharSequence method = from.get(METHOD);
        CharSequence path = from.get(PATH);
        CharSequence upgrade = from.get(PROTOCOL);
        CharSequence authority = from.get(AUTHORITY);
        boolean connect = protocol == HttpProtocol.HTTP_2
                && upgrade == null
                && method != null
                && "CONNECT".contentEquals(method)
                && path == null
                && from.get(SCHEME) == null
                && authority != null;
        if (connect) {
            path = "";
            upgrade = RequestHead.CONNECT;
        } else if (upgrade != null && RequestHead.CONNECT.equalsIgnoreCase(upgrade.toString())) {
            return null;
        }
        if (method == null
                || path == null
                || (path.isEmpty() || from.get(SCHEME) == null) != connect
                || (upgrade != null) != "CONNECT".contentEquals(method)
                || HttpHeaderValidationUtil.validateToken(method) != -1
                || !isOneWord(path)) {
            return null;
        }
        HttpHeaders plain;
        try {
            plain = toHttp1(from);
        } catch (IllegalArgumentException forbidden) {
            return null;
        }
        String host = authority != null ? authority.toString() : plain.get(HttpHeaderNames.HOST, "");
        plain.remove(HttpHeaderNames.HOST);
        if (!isOneWord(host) || hasOneOfOneConnection(plain)) {
            return null;
        }
        return new RequestHead(
                method.toString(),
                host,
                path.toString(),
                upgrade == null ? null : upgrade.toString().toLowerCase(Locale.ROOT),
                protocol,
                plain);
    }

    /** As one text, a third of what the headers take as objects; {@link #unpacked} makes them again. */
    public static String packed(HttpHeaders headers) {
        StringBuilder out = new StringBuilder();
        headers.iteratorCharSequence()
                .forEachRemaining(header -> out.append(header.getKey())
                        .append('\n')
                        .append(header.getValue())
                        .append('\n'));
        return out.toString();
    }

    /** No name or value has a line's end in it (RFC 9110 §5.5). */
    public static HttpHeaders unpacked(String packed) {
        HttpHeaders out =
                DefaultHttpHeadersFactory.headersFactory().withValidation(false).newHeaders();
        String[] parts = packed.split("\n", -1);
        for (int i = 0; i + 1 < parts.length; i += 2) {
            out.add(parts[i], parts[i + 1]);
        }
        return out;
    }

    /** Takes off what concerns one connection alone, and what {@code Connection} names but for {@code TE}. */
    public static void stripOfOneConnection(HttpHeaders headers) {
        List<String> named = headers.getAll(HttpHeaderNames.CONNECTION);
        boolean plain = named.isEmpty()
                || (named.size() == 1
                        && (named.getFirst().equalsIgnoreCase("keep-alive")
                                || named.getFirst().equalsIgnoreCase("close")
                                || named.getFirst().equalsIgnoreCase("upgrade")));
        if (!plain) {
            remove(headers, named, "te");
        }
        for (AsciiString name : OF_ONE_CONNECTION) {
            headers.remove(name);
        }
    }

    /** Takes off all that the given fields name, at once: whoever names many names them for a purpose. */
    static void remove(HttpHeaders from, List<String> lists, String butFor) {
        Set<String> names = new HashSet<>();
        for (String list : lists) {
            for (String member : list.split(",")) {
                String name = member.strip().toLowerCase(Locale.ROOT);
                if (!name.isEmpty() && !name.equals(butFor)) {
                    names.add(name);
                }
            }
        }
        removeAll(from, names);
    }

    /** Takes off all of those names, which may be as many as there are fields, in one pass. */
    public static void removeAll(HttpHeaders from, Collection<String> names) {
        if (from instanceof FieldSection section && names.size() > FEW) {
            section.removeAll(
                    names.stream().map(name -> name.toLowerCase(Locale.ROOT)).collect(Collectors.toSet()));
        } else {
            names.forEach(from::remove);
        }
    }

    private static final int FEW = 8;

    /** What becomes a part of a line of HTTP/1.1 must not end it. */
    private static boolean isOneWord(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c <= ' ' || c == 127) {
                return false;
            }
        }
        return true;
    }
}
