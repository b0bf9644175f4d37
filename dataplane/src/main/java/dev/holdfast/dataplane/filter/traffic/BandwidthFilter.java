package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Slows bodies down. Established streams are not concerned: their pace is the StreamPolicy's. */
final class BandwidthFilter implements Filter {
    private final Pace request;
    private final Pace response;

    private final Optional<String> told;
    private @Nullable PacedStage sent;

    BandwidthFilter(Pace request, Pace response, Optional<String> told) {
        this.request = request;
        this.response = response;
        this.told = told;
    }

    @Override
    public @Nullable BodyStage requestBody(FilterRequest of) {
        sent = request.limits() ? new PacedStage(request, of.loop(), Optional.empty()) : null;
        return sent;
    }

    /** Over HTTP/1.1 an answer whose length is given has no trailers, and few clients look for any. */
    @Override
    public @Nullable BodyStage responseBody(FilterRequest of, ResponseHead head) {
        boolean trailers = told.isPresent() && of.head().protocol() != HttpProtocol.HTTP_1_1;
        return response.limits()
                ? new PacedStage(response, of.loop(), trailers ? Optional.of(this::tell) : Optional.empty())
                : null;
    }

    /** The trailers of Envoy's filter; each only where there is something to tell. */
    private void tell(PacedStage answer, HttpHeaders trailers) {
        String prefix = told.filter(p -> !p.isEmpty()).map(p -> p + "-").orElse("");
        PacedStage body = sent;
        if (body != null) {
            put(trailers, prefix + "bandwidth-request-delay-ms", body.millis());
            put(trailers, prefix + "bandwidth-request-filter-delay-ms", body.waitedMillis());
        }
        put(trailers, prefix + "bandwidth-response-delay-ms", answer.millis());
        put(trailers, prefix + "bandwidth-response-filter-delay-ms", answer.waitedMillis());
    }

    private static void put(HttpHeaders trailers, String name, long millis) {
        if (millis > 0) {
            trailers.set(name, Long.toString(millis));
        }
    }
}
