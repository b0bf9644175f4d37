package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.ResponseHead;
import org.jspecify.annotations.Nullable;

/** Slows bodies down. Established streams are not concerned: their pace is the StreamPolicy's. */
final class BandwidthFilter implements Filter {
    private final Pace request;
    private final Pace response;

    BandwidthFilter(Pace request, Pace response) {
        this.request = request;
        this.response = response;
    }

    @Override
    public @Nullable BodyStage requestBody(FilterRequest of) {
        return request.limits() ? new PacedStage(request, of.loop()) : null;
    }

    @Override
    public @Nullable BodyStage responseBody(FilterRequest of, ResponseHead head) {
        return response.limits() ? new PacedStage(response, of.loop()) : null;
    }
}
