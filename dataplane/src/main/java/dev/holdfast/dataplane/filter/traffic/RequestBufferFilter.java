package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import io.netty.handler.codec.http.HttpHeaderNames;

/** Waits for the whole request. A handshake has no body to wait for, so it passes. */
final class RequestBufferFilter implements Filter {
    private final long limit;

    RequestBufferFilter(long limit) {
        this.limit = limit;
    }

    @Override
    public Step request(FilterRequest request) {
        if (request.head().upgrade() != null) {
            return Step.CONTINUE;
        }
        if (announced(request) > limit) {
            request.answer(LocalReply.of(ProxyFailure.REQUEST_TOO_LARGE));
            return Step.STOP;
        }
        boolean[] asking = {true};
        boolean[] passed = {false};
        request.body((int) Math.min(limit, Integer.MAX_VALUE), (body, whole) -> {
            if (!whole) {
                request.answer(LocalReply.of(ProxyFailure.REQUEST_TOO_LARGE));
            } else if (asking[0]) {
                passed[0] = true;
            } else {
                request.resume();
            }
        });
        asking[0] = false;
        return passed[0] ? Step.CONTINUE : Step.STOP;
    }

    private static long announced(FilterRequest request) {
        String length = request.head().headers().get(HttpHeaderNames.CONTENT_LENGTH);
        try {
            return length == null ? 0 : Long.parseLong(length.strip());
        } catch (NumberFormatException refusedAlready) {
            return 0;
        }
    }
}
