package dev.holdfast.xds.resource;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter.Oidc;
import dev.holdfast.plan.SecurityFilter.OidcProvider;
import dev.holdfast.plan.VirtualHost;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What OpenID providers have said of themselves (OpenID Connect Discovery 1.0 §4), by issuer. Envoy does not ask, so who makes
 * resources brings it along.
 */
public record OidcDocuments(Map<String, Document> byIssuer) {
    public static final OidcDocuments NONE = new OidcDocuments(Map.of());

    /**
     * What of a document is of use; endpoints that it does not name are empty.
     *
     * @param basic whether the client's credentials go in a header rather than in the form
     */
    public record Document(String authorization, String token, String endSession, boolean basic) {
        static final Document NONE = new Document("", "", "", false);
    }

    public OidcDocuments {
        byIssuer = Map.copyOf(byIssuer);
    }

    /** The providers of a plan whose documents are of use, by issuer. */
    public static Map<String, OidcProvider> wanted(Plan plan) {
        return plan.listeners().stream()
                .flatMap(OidcDocuments::signOns)
                .map(Oidc::provider)
                .filter(p -> HttpUri.parse(p.issuer()).isPresent())
                .collect(Collectors.toMap(OidcProvider::issuer, p -> p, (one, other) -> one, TreeMap::new));
    }

    /** Those of a listener's routes; most routes have no filters at all. */
    static Stream<Oidc> signOns(Listener listener) {
        List<Oidc> out = new ArrayList<>();
        for (VirtualHost host : listener.virtualHosts()) {
            for (Route route : host.routes()) {
                for (HttpFilter filter : route.httpFilters()) {
                    if (filter instanceof Oidc oidc) {
                        out.add(oidc);
                    }
                }
            }
        }
        return out.stream();
    }

    /** Where a provider's endpoints are: what the policy says, and for the rest its document; empty where neither does. */
    Optional<Document> endpoints(OidcProvider provider) {
        Document said = byIssuer.getOrDefault(provider.issuer(), Document.NONE);
        Document all = new Document(
                or(provider.authorizationEndpoint(), said.authorization),
                or(provider.tokenEndpoint(), said.token),
                or(provider.endSessionEndpoint(), said.endSession),
                said.basic);
        boolean known = HttpUri.parse(all.authorization).isPresent()
                && HttpUri.parse(all.token)
                        .flatMap(uri -> cluster(provider, uri))
                        .isPresent();
        return known ? Optional.of(all) : Optional.empty();
    }

    /** The cluster of the plan that serves {@code uri}. */
    public static Optional<String> cluster(OidcProvider provider, HttpUri uri) {
        return provider.cluster().isEmpty()
                ? Optional.ofNullable(provider.clusters().get(uri.origin()))
                : Optional.of(provider.cluster());
    }

    private static String or(String given, String said) {
        return given.isEmpty() ? said : given;
    }
}
