package dev.holdfast.plan;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A filter that decides who may pass. Where one of these stands in a plan, a plane that cannot carry it out answers 500
 * for the route rather than serve it without.
 */
public sealed interface SecurityFilter extends HttpFilter {
    /**
     * Cross-origin resource sharing (Fetch §3.2): what browsers may ask of pages of other origins. It guards no request by
     * itself; the browser does, by what the answer says.
     *
     * @param methods {@code *} alone stands for any; so for the headers
     * @param maxAge zero says nothing of it
     */
    record Cors(
            List<OriginPattern> origins,
            List<String> methods,
            List<String> headers,
            List<String> exposed,
            Duration maxAge,
            boolean credentials)
            implements SecurityFilter {
        public Cors {
            origins = List.copyOf(origins);
            methods = List.copyOf(methods);
            headers = List.copyOf(headers);
            exposed = List.copyOf(exposed);
        }
    }

    /**
     * A request that changes something must come from a page of the same host, or of {@code additional}.
     *
     * @param shadowPercent of the requests that are let through whatever is found, 0 to 100
     */
    record Csrf(List<OriginPattern> additional, double shadowPercent) implements SecurityFilter {
        public Csrf {
            additional = List.copyOf(additional);
        }
    }

    /**
     * User and password (RFC 7617).
     *
     * @param users lines of an htpasswd file, {@code user:hash} with {@code {SHA}} or bcrypt
     * @param forwardHeader tells the backend the user's name; empty for none
     */
    record BasicAuth(List<SecretText> users, String forwardHeader) implements SecurityFilter {
        public BasicAuth {
            users = List.copyOf(users);
        }
    }

    /**
     * A key that names its client.
     *
     * @param clients client to key
     * @param sources where a key may stand; the first that holds one counts
     * @param sanitize whether the backend is not to see the key
     * @param forwardHeader tells the backend the client's name; empty for none
     */
    record ApiKeyAuth(Map<String, SecretText> clients, List<Source> sources, boolean sanitize, String forwardHeader)
            implements SecurityFilter {
        public ApiKeyAuth {
            clients = Collections.unmodifiableMap(new TreeMap<>(clients));
            sources = List.copyOf(sources);
        }
    }

    /**
     * A signed token (RFC 7519) of one of {@code providers}; {@code optional} lets a request without any token pass, {@code
     * failOpen} one whose token is not good too, of whom then nothing is known.
     */
    record JwtAuth(List<JwtProvider> providers, boolean optional, boolean failOpen) implements SecurityFilter {
        public JwtAuth {
            providers = List.copyOf(providers);
        }
    }

    /**
     * Another server decides.
     *
     * @param headers lower-case names sent to it; none named: all to gRPC, Authorization alone to HTTP
     * @param bodyLimit octets of the body that it sees, 0 for none; a longer one is refused with 413
     * @param failOpen whether a request passes where the server cannot be asked
     * @param statusOnError what is answered where it cannot
     * @param context sent to a gRPC server with each question
     */
    record ExtAuth(
            AuthServer server,
            List<String> headers,
            int bodyLimit,
            boolean failOpen,
            Duration timeout,
            int statusOnError,
            boolean recomputeRoute,
            Map<String, SecretText> context)
            implements SecurityFilter {
        public ExtAuth {
            headers = List.copyOf(headers);
            context = Collections.unmodifiableMap(new TreeMap<>(context));
        }
    }

    /**
     * The rules in order; the first that matches decides, else {@code allowByDefault}.
     *
     * @param databases where a rule asks for places; then nothing passes that they cannot be asked of
     */
    record Authorization(List<Rule> rules, boolean allowByDefault, Optional<PlaceDatabases> databases)
            implements SecurityFilter {
        public Authorization {
            rules = List.copyOf(rules);
        }

        /** Where no rule asks for places. */
        public Authorization(List<Rule> rules, boolean allowByDefault) {
            this(rules, allowByDefault, Optional.empty());
        }
    }

    /**
     * Sign-on at an OpenID provider by the authorization code flow (OpenID Connect Core 1.0 §3.1).
     *
     * @param name {@code namespace/name} of the policy
     * @param redirectUrl may hold {@code %REQ(x-forwarded-proto)%} and {@code %REQ(:authority)%}
     * @param denyRedirect who gets 401 rather than a redirect; what is no page does anyhow
     * @param forwardIdTokenHeader lower-case, empty for none
     * @param passThrough a request with a token there is left to the JWT filter
     */
    record Oidc(
            String name,
            OidcProvider provider,
            SecretText clientId,
            SecretText clientSecret,
            List<String> scopes,
            List<String> resources,
            String redirectUrl,
            String logoutPath,
            OidcCookies cookies,
            List<HeaderTest> denyRedirect,
            boolean forwardAccessToken,
            String forwardIdTokenHeader,
            boolean refresh,
            Duration defaultTokenTtl,
            Duration defaultRefreshTtl,
            Duration csrfTtl,
            List<Source> passThrough)
            implements SecurityFilter {
        public Oidc {
            scopes = List.copyOf(scopes);
            resources = List.copyOf(resources);
            denyRedirect = List.copyOf(denyRedirect);
            passThrough = List.copyOf(passThrough);
        }
    }

    /**
     * An origin as policies write it: {@code *}, {@code https://*}, {@code https://*.example.com:8443}, or one whole. A
     * wildcard stands for one or more labels.
     */
    record OriginPattern(String text) {}

    /** Where a credential stands in a request. */
    sealed interface Source {
        /** Names in lower case; {@code prefix} (case-sensitive) must be there and is taken off. */
        record Header(String name, String prefix) implements Source {}

        record Parameter(String name) implements Source {}

        record Cookie(String name) implements Source {}
    }

    /**
     * Who signs tokens, and what is made of them.
     *
     * @param issuer empty accepts any
     * @param audiences none accepts any
     * @param sources none: {@code Authorization: Bearer} and the parameter {@code access_token}
     */
    record JwtProvider(
            String name,
            String issuer,
            List<String> audiences,
            Keys keys,
            List<Source> sources,
            List<ClaimHeader> claimHeaders,
            boolean recomputeRoute) {
        public JwtProvider {
            audiences = List.copyOf(audiences);
            sources = List.copyOf(sources);
            claimHeaders = List.copyOf(claimHeaders);
        }
    }

    /** A claim by its dotted path, and the header that tells it to the backend. */
    record ClaimHeader(String claim, String header) {}

    /** A set of keys (RFC 7517 §5). */
    sealed interface Keys {
        /** As JSON; secret, for it may hold symmetric keys. */
        record Local(SecretText jwks) implements Keys {}

        /** {@code uri} asked of {@code cluster}; kept for {@code cache}, asked again {@code retry} after a failure. */
        record Remote(String uri, String cluster, Duration cache, Duration retry) implements Keys {}
    }

    /** A server that decides. */
    sealed interface AuthServer {
        String cluster();

        /**
         * Asked with the request's method, {@code path} and after it the request's own.
         *
         * @param override whether {@code path} is the whole path
         * @param toBackend lower-case names of headers of its answer that the backend gets
         */
        record Http(String cluster, String path, boolean override, List<String> toBackend) implements AuthServer {
            public Http {
                toBackend = List.copyOf(toBackend);
            }
        }

        /** Speaks {@code envoy.service.auth.v3.Authorization}. */
        record Grpc(String cluster, String authority) implements AuthServer {}
    }

    /**
     * All that is named must hold; what is empty asks nothing. Within a list of addresses, places, methods or values one is
     * enough.
     *
     * @param condition in the Common Expression Language over {@link Attributes}, empty for none
     */
    record Rule(
            String name,
            boolean allow,
            List<Cidr> clients,
            List<Place> places,
            Optional<JwtTest> jwt,
            List<HeaderValues> headers,
            List<String> methods,
            Optional<PathTest> path,
            String condition) {
        public Rule {
            clients = List.copyOf(clients);
            places = List.copyOf(places);
            headers = List.copyOf(headers);
            methods = List.copyOf(methods);
        }

        /** That asks for no place. */
        public Rule(
                String name,
                boolean allow,
                List<Cidr> clients,
                Optional<JwtTest> jwt,
                List<HeaderValues> headers,
                List<String> methods,
                Optional<PathTest> path,
                String condition) {
            this(name, allow, clients, List.of(), jwt, headers, methods, path, condition);
        }
    }

    /**
     * Where a client's address is, as databases know; all that is named must hold, whatever the case of its letters.
     *
     * @param country two letters of ISO 3166-1, empty for any
     * @param region what ISO 3166-2 has after the country and the hyphen, empty for any
     * @param city its English name, empty for any
     * @param network the number of the autonomous system, 0 for any
     * @param provider the internet service provider's name, empty for any
     * @param hidden ways to hide, and whether the address must be known for one; one that no database knows is known for none
     */
    record Place(
            String country, String region, String city, long network, String provider, Map<Hiding, Boolean> hidden) {
        public Place {
            hidden = Collections.unmodifiableMap(new TreeMap<>(hidden));
        }
    }

    /** Why an address says little of who is behind it. */
    enum Hiding {
        ANY,
        VPN,
        HOSTING,
        TOR,
        PROXY
    }

    /** Files in MaxMind's format, by what they tell; empty for none. */
    record PlaceDatabases(String cities, String countries, String networks, String providers, String hidings) {}

    /** A header (lower-case name) with one of {@code values}. */
    record HeaderValues(String name, List<String> values) {
        public HeaderValues {
            values = List.copyOf(values);
        }
    }

    /** A token of {@code provider} with all of {@code claims} and {@code scopes}. */
    record JwtTest(String provider, List<ClaimValues> claims, List<String> scopes) {
        public JwtTest {
            claims = List.copyOf(claims);
            scopes = List.copyOf(scopes);
        }
    }

    /** The claim at a dotted path is one of {@code values}, or where it must be a {@code list} holds one of them. */
    record ClaimValues(String claim, boolean list, List<String> values) {
        public ClaimValues {
            values = List.copyOf(values);
        }
    }

    /** {@code invert} holds where the path does not match. */
    record PathTest(Route.PathMatch match, boolean invert) {}

    /** How a header's value is compared. */
    record HeaderTest(String name, Comparison how, String value) {
        /** As in Envoy's string matcher. */
        public enum Comparison {
            EXACT,
            PREFIX,
            SUFFIX,
            REGEX
        }
    }

    /**
     * Empty endpoints are asked of the issuer's discovery document (OpenID Connect Discovery 1.0 §4).
     *
     * @param cluster where all of it is asked, empty where {@code clusters} say
     * @param clusters origin of a URI to the cluster that serves it
     */
    record OidcProvider(
            String issuer,
            String authorizationEndpoint,
            String tokenEndpoint,
            String endSessionEndpoint,
            String cluster,
            Map<String, String> clusters) {
        public OidcProvider {
            clusters = Collections.unmodifiableMap(new TreeMap<>(clusters));
        }
    }

    /**
     * {@code idToken} is the session's name too. Backends see tokens under the two names; empty for a name of the filter's own,
     * and no token.
     */
    record OidcCookies(String idToken, String accessToken, String domain, String sameSite) {}
}
