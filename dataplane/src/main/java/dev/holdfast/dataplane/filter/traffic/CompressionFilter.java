package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/** Compresses what a backend has left as it is. */
final class CompressionFilter implements Filter {
    private final Negotiation negotiation;
    private @Nullable String accepted;

    CompressionFilter(Negotiation negotiation) {
        this.negotiation = negotiation;
    }

    @Override
    public Step request(FilterRequest request) {
        if (!request.head().method().equals("HEAD")) {
            accepted = request.head().headers().get(HttpHeaderNames.ACCEPT_ENCODING);
        }
        return Step.CONTINUE;
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        if (!request.local() && negotiation.concerns(head.headers())) {
            Vary.add(head.headers(), "Accept-Encoding");
        }
        return null;
    }

    @Override
    public @Nullable BodyStage responseBody(FilterRequest request, ResponseHead head) {
        HttpHeaders headers = head.headers();
        boolean whole = head.status() >= 200 && head.status() != 204 && head.status() != 206 && head.status() != 304;
        if (!whole || !negotiation.concerns(headers)) {
            return null;
        }
        TrafficFilter.Codec codec = negotiation.choose(accepted, length(headers));
        if (codec == null) {
            return null;
        }
        headers.set(HttpHeaderNames.CONTENT_ENCODING, Compressors.token(codec));
        headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        headers.remove(HttpHeaderNames.ACCEPT_RANGES);
        String tag = headers.get(HttpHeaderNames.ETAG);
        if (tag != null && tag.startsWith("\"")) {
            // RFC 9110 §8.8.1: octets differ from what the strong tag stands for.
            headers.set(HttpHeaderNames.ETAG, "W/" + tag);
        }
        return new CompressStage(codec);
    }

    private static long length(HttpHeaders headers) {
        String length = headers.get(HttpHeaderNames.CONTENT_LENGTH);
        try {
            return length == null ? -1 : Long.parseLong(length);
        } catch (NumberFormatException broken) {
            return -1;
        }
    }
}
