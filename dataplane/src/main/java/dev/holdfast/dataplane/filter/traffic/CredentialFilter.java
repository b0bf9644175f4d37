package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.codec.http.HttpHeaders;

/** Adds the gateway's credential for the backend. */
final class CredentialFilter implements Filter {
    private final TrafficFilter.CredentialInjection credential;

    CredentialFilter(TrafficFilter.CredentialInjection credential) {
        this.credential = credential;
    }

    @Override
    public Step request(FilterRequest request) {
        HttpHeaders headers = request.head().headers();
        if (credential.overwrite() || !headers.contains(credential.header())) {
            headers.set(credential.header(), credential.value().reveal());
        }
        return Step.CONTINUE;
    }
}
