package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Lets clients with a known key pass, and says who they are. */
final class ApiKeyFilter implements Filter {
    /** In front of a key in a header, as tokens are sent (RFC 6750 §2.1); left out. */
    private static final String BEARER = "Bearer ";

    private final SecurityFilter.ApiKeyAuth auth;
    private final Digests digests;
    private final Map<String, String> clients;

    private ApiKeyFilter(SecurityFilter.ApiKeyAuth auth, Digests digests, Map<String, String> clients) {
        this.auth = auth;
        this.digests = digests;
        this.clients = clients;
    }

    static FilterFactory factory(SecurityFilter.ApiKeyAuth auth) {
        Digests digests = new Digests();
        Map<String, String> clients = new HashMap<>();
        auth.clients().forEach((client, key) -> clients.put(digests.of(key.reveal()), client));
        Map<String, String> known = Map.copyOf(clients);
        return () -> new ApiKeyFilter(auth, digests, known);
    }

    @Override
    public Step request(FilterRequest request) {
        if (!auth.forwardHeader().isEmpty()) {
            request.head().headers().remove(auth.forwardHeader());
        }
        Optional<String> given = auth.sources().stream()
                .flatMap(s -> Credentials.at(s, request).stream())
                .findFirst();
        if (given.isEmpty()) {
            return refuse(request, ProxyFailure.CREDENTIALS_MISSING);
        }
        String key = given.get().startsWith(BEARER) ? given.get().substring(BEARER.length()) : given.get();
        String client = clients.get(digests.of(key));
        if (client == null) {
            return refuse(request, ProxyFailure.CREDENTIALS_WRONG);
        }
        if (auth.sanitize()) {
            List<SecurityFilter.Source> sources = auth.sources();
            sources.forEach(s -> Credentials.remove(s, request));
        }
        if (!auth.forwardHeader().isEmpty()) {
            request.head().headers().set(auth.forwardHeader(), client);
        }
        request.identify(new Identity(client, Map.of(), Optional.empty()));
        return Step.CONTINUE;
    }

    private static Step refuse(FilterRequest request, ProxyFailure failure) {
        request.answer(LocalReply.of(failure));
        return Step.STOP;
    }
}
