package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** How a server that decides is asked, and what its answer means. */
interface AuthQuestion {
    /** Octets of an answer's body. */
    int MOST = 1 << 20;

    /** Of a server's answer, what concerns its own connection, or is ours to say. */
    Set<String> OWN = Set.of(
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
            "te",
            "trailer",
            "content-length",
            "host");

    /** A request to the server; the body is the call's to release. */
    record Asked(RequestHead head, ByteBuf body) {}

    sealed interface Verdict {
        /** {@code toClient}: headers for the answer. */
        record Allowed(List<Map.Entry<String, String>> toClient) implements Verdict {}

        record Denied(int status, HttpHeaders headers, byte[] body) implements Verdict {}

        record Failed() implements Verdict {}
    }

    Asked of(FilterRequest request, ByteBuf body);

    /** Changes the request where the server says so. */
    Verdict verdict(FilterRequest request, Calls.Answer answer);
}
