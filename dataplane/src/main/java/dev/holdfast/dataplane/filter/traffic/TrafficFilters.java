package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.plan.TrafficFilter;

/** The factory of each. */
public final class TrafficFilters {
    private TrafficFilters() {}

    public static FilterFactory make(TrafficFilter filter) {
        return switch (filter) {
            case TrafficFilter.LocalRateLimit limit -> {
                RateLimits limits = new RateLimits(limit);
                yield () -> new RateLimitFilter(limits);
            }
            case TrafficFilter.Bandwidth bandwidth -> {
                Pace request = new Pace(bandwidth.requestBytesPerSecond());
                Pace response = new Pace(bandwidth.responseBytesPerSecond());
                yield () -> new BandwidthFilter(request, response, bandwidth.told());
            }
            case TrafficFilter.Compression compression -> {
                Negotiation negotiation = new Negotiation(compression);
                yield () -> new CompressionFilter(negotiation);
            }
            case TrafficFilter.ResponseOverride override -> {
                Overrides rules = new Overrides(override);
                yield () -> new OverrideFilter(rules);
            }
            case TrafficFilter.RequestBuffer buffer -> () -> new RequestBufferFilter(buffer.limit());
            case TrafficFilter.CredentialInjection credential -> () -> new CredentialFilter(credential);
            case TrafficFilter.AdmissionControl control -> {
                Admission admission = new Admission(control);
                yield () -> new AdmissionFilter(admission);
            }
        };
    }
}
