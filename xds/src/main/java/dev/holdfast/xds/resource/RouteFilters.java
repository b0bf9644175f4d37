package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.holdfast.plan.Extension;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit.EnableMode;
import io.envoyproxy.envoy.type.v3.Int64Range;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the filters of a route are on Envoy: configuration of the route for filters that wait in every connection manager
 * ({@link HttpFilters}), so that turning one on replaces no filter chain; and a few edits of the route.
 */
final class RouteFilters {
    private final Route route;
    private final OidcDocuments documents;
    private final Map<String, Any> pages = new LinkedHashMap<>();
    private final Map<String, Any> upgrades = new LinkedHashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();
    private final List<HeaderValueOption> requestHeaders = new ArrayList<>();
    private final List<HeaderValueOption> responseHeaders = new ArrayList<>();
    private final List<String> hidden = new ArrayList<>();
    private final List<String> spent = new ArrayList<>();
    private final Set<String> takenOff = new LinkedHashSet<>();
    private final Set<String> lacks = new LinkedHashSet<>();
    private boolean refuses;
    private boolean waits;

    /**
     * Some of a route's requests, answered by us before it is looked at further.
     *
     * @param headers what these have besides what the route asks for
     * @param configs of the filters that see them first
     */
    record Refusal(
            String name,
            List<HeaderMatcher> headers,
            int status,
            String reason,
            boolean vary,
            Map<String, Any> configs) {}

    private RouteFilters(Route route, OidcDocuments documents) {
        this.route = route;
        this.documents = documents;
    }

    static RouteFilters of(Route route, OidcDocuments documents) {
        RouteFilters out = new RouteFilters(route, documents);
        Set<Class<?>> seen = new HashSet<>();
        for (HttpFilter filter : route.httpFilters()) {
            boolean again = !seen.add(filter.getClass())
                    && !(filter instanceof TrafficFilter.LocalRateLimit
                            || filter instanceof TrafficFilter.CredentialInjection
                            || filter instanceof HttpFilter.GlobalRateLimit
                            || filter instanceof Extension);
            if (again) {
                out.missing(filter instanceof SecurityFilter, filter.getClass().getSimpleName() + " a second time");
            } else {
                out.add(filter);
            }
        }
        List<Extension> extensions = route.httpFilters().stream()
                .filter(Extension.class::isInstance)
                .map(Extension.class::cast)
                .toList();
        long luas = extensions.stream().filter(Extension.Lua.class::isInstance).count();
        if (luas > HttpFilters.LUAS) {
            out.missing(true, luas + " pieces of Lua, of which Envoy has room for " + HttpFilters.LUAS);
        } else {
            Map<String, Any> made = Extended.of(extensions);
            out.pages.putAll(made);
            out.upgrades.putAll(made);
        }
        route.traffic().session().ifPresent(session -> out.both(HttpFilters.SESSION, Ways.session(session)));
        return out;
    }

    /** Filter name to configuration, for pages or for upgrades. */
    Map<String, Any> configs(boolean upgrade) {
        return upgrade ? upgrades : pages;
    }

    List<Refusal> refusals() {
        return refusals;
    }

    /** Added to requests, secret values among them. */
    List<HeaderValueOption> requestHeaders() {
        return requestHeaders;
    }

    List<HeaderValueOption> responseHeaders() {
        return responseHeaders;
    }

    /** Headers of a backend's answer that do not pass. */
    List<String> hidden() {
        return hidden;
    }

    /** Headers that filters tell each other by, of which the backend is not told. */
    List<String> spent() {
        return spent;
    }

    /** What is not carried out, for people. */
    List<String> lacks() {
        return List.copyOf(lacks);
    }

    /** Whether the route must not serve, for what guards it is missing. */
    boolean refuses() {
        return refuses;
    }

    /** Whether the route must not serve yet, for it is not known where its users are to sign on. */
    boolean waits() {
        return waits;
    }

    private void add(HttpFilter filter) {
        switch (filter) {
            case HttpFilter.GlobalRateLimit ignored -> counted();
            case Extension ignored -> {} // All of them are one chain.
            case HttpFilter.Fault fault -> both(HttpFilters.FAULT, Shaping.fault(fault));
            case SecurityFilter.Cors cors -> cors(cors);
            case SecurityFilter.Csrf csrf -> both(HttpFilters.CSRF, Guards.csrf(csrf));
            case SecurityFilter.ExtAuth auth -> external(auth);
            case SecurityFilter.Oidc oidc -> signOn(oidc);
            case SecurityFilter.BasicAuth auth -> {
                takeOff(List.of(auth.forwardHeader()));
                if (Guards.isKnown(auth)) {
                    composite(HttpFilters.BASIC_AUTH, "envoy.filters.http.basic_auth", Guards.basic(auth), true);
                } else {
                    missing(true, "passwords with bcrypt (Envoy reads {SHA} only)");
                }
            }
            case SecurityFilter.ApiKeyAuth auth -> {
                takeOff(List.of(auth.forwardHeader()));
                composite(HttpFilters.API_KEY, "envoy.filters.http.api_key_auth", Guards.apiKeys(auth), true);
            }
            case SecurityFilter.JwtAuth auth -> {
                takeOff(auth.providers().stream()
                        .flatMap(p -> p.claimHeaders().stream())
                        .map(SecurityFilter.ClaimHeader::header)
                        .toList());
                composite(HttpFilters.JWT, Tokens.METADATA, Tokens.of(auth), true);
            }
            case SecurityFilter.Authorization rules -> {
                rules.databases().ifPresent(files -> places(rules, files));
                boolean asks =
                        rules.rules().stream().anyMatch(r -> !r.condition().isEmpty());
                Optional<Message> made = asks ? OrderedRules.of(rules) : Optional.of(Authorizations.of(rules));
                made.ifPresentOrElse(
                        config -> both(HttpFilters.RBAC, config),
                        () -> missing(
                                true,
                                "a condition by CEL that goes through a list, joins texts or makes them (Envoy has these"
                                        + " switched off)"));
            }
            case TrafficFilter.ResponseOverride override ->
                composite(HttpFilters.OVERRIDE, "envoy.filters.http.custom_response", Overrides.of(override), true);
            case TrafficFilter.RequestBuffer(long limit) -> buffer(limit);
            case TrafficFilter.AdmissionControl control ->
                composite(
                        HttpFilters.ADMISSION,
                        "envoy.filters.http.admission_control",
                        Shaping.admission(control),
                        true);
            case TrafficFilter.LocalRateLimit ignored -> limits();
            case TrafficFilter.Bandwidth(String ignored, double request, double response, Optional<String> told) -> {
                if (request > 0) {
                    pages.put(
                            HttpFilters.REQUEST_PACE,
                            Proto.any(Shaping.pace(request, EnableMode.REQUEST, Optional.empty())));
                }
                if (response > 0) {
                    pages.put(HttpFilters.RESPONSE_PACE, Proto.any(Shaping.pace(response, EnableMode.RESPONSE, told)));
                }
            }
            case TrafficFilter.CredentialInjection(String header, var value, boolean overwrite) -> {
                if (Headers.isAllowed(header)) {
                    requestHeaders.add(
                            overwrite
                                    ? Headers.fixed(header, value.reveal())
                                    : Headers.ifAbsent(header, value.reveal()));
                } else {
                    missing(true, "a credential in " + header);
                }
            }
            case TrafficFilter.Compression(List<TrafficFilter.Encoding> encodings) ->
                encodings.forEach(e -> composite(
                        HttpFilters.compressor(e.codec()),
                        "envoy.filters.http.compressor",
                        Shaping.compressor(e, e.equals(encodings.getFirst())),
                        false));
        }
    }

    private void both(String name, Message config) {
        pages.put(name, Proto.any(config));
        upgrades.put(name, Proto.any(config));
    }

    private void composite(String place, String name, Message config, boolean ofUpgrades) {
        Any made = Composites.with(name, config);
        pages.put(place, made);
        if (ofUpgrades) {
            upgrades.put(place, made);
        }
    }

    private void missing(boolean guards, String what) {
        lacks.add(what);
        refuses |= guards;
    }

    private void signOn(SecurityFilter.Oidc oidc) {
        takeOff(List.of(oidc.forwardIdTokenHeader()));
        SignOn.of(oidc, documents).ifPresentOrElse(config -> both(HttpFilters.OIDC, config), () -> waits = true);
        lacks.addAll(SignOn.lacks(oidc));
    }

    private void external(SecurityFilter.ExtAuth auth) {
        List<String> missing = ExternalAuth.lacks(auth);
        if (!missing.isEmpty()) {
            missing.forEach(what -> missing(true, what));
            return;
        }
        if (ExternalAuth.hasContext(auth) && auth.server() instanceof SecurityFilter.AuthServer.Grpc server) {
            String place = HttpFilters.extAuth(auth.failOpen(), auth.recomputeRoute());
            pages.put(place, Proto.any(ExternalAuth.withContext(auth, server, true)));
            upgrades.put(place, Proto.any(ExternalAuth.withContext(auth, server, false)));
            return;
        }
        if (auth.server() instanceof SecurityFilter.AuthServer.Http http) {
            takeOff(http.toBackend().stream()
                    .filter(h -> !auth.headers().contains(h) && !h.equals("authorization"))
                    .toList());
        }
        String name = "envoy.filters.http.ext_authz";
        pages.put(HttpFilters.EXT_AUTH, Composites.with(name, ExternalAuth.of(auth, true)));
        upgrades.put(HttpFilters.EXT_AUTH, Composites.with(name, ExternalAuth.of(auth, false)));
    }

    private void places(SecurityFilter.Authorization rules, SecurityFilter.PlaceDatabases databases) {
        Set<String> headers = Places.headers(rules);
        takeOff(List.copyOf(headers));
        spent.addAll(headers);
        composite(HttpFilters.PLACES, "envoy.filters.http.geoip", Places.filter(rules, databases), true);
    }

    /** What a filter tells the backend of the client, the client may not say of itself. */
    private void takeOff(List<String> headers) {
        headers.stream().filter(h -> !h.isEmpty() && Headers.isAllowed(h)).forEach(takenOff::add);
        if (!takenOff.isEmpty()) {
            both(HttpFilters.TAKEN_OFF, Headers.takenOff(takenOff));
        }
    }

    /** A preflight of an origin that is not listed Envoy would pass on; so it never comes to the filter. */
    private void cors(SecurityFilter.Cors cors) {
        String method = route.match().method();
        boolean everyone = Origins.all(cors.origins()) && !cors.credentials();
        if (!everyone && (method.isEmpty() || method.equals("OPTIONS"))) {
            refusals.add(new Refusal(
                    "/preflight",
                    List.of(
                            HeaderMatcher.newBuilder()
                                    .setName(":method")
                                    .setStringMatch(Proto.exact("OPTIONS"))
                                    .build(),
                            HeaderMatcher.newBuilder()
                                    .setName("access-control-request-method")
                                    .setPresentMatch(true)
                                    .build(),
                            HeaderMatcher.newBuilder()
                                    .setName("origin")
                                    .setStringMatch(Proto.matches(Origins.ofHeader(cors.origins(), cors.credentials())))
                                    .setInvertMatch(true)
                                    .build(),
                            HeaderMatcher.newBuilder()
                                    .setName("origin")
                                    .setPresentMatch(true)
                                    .build()),
                    403,
                    "cors_origin_not_allowed",
                    true,
                    new LinkedHashMap<>(pages)));
        }
        both(HttpFilters.CORS, Guards.cors(cors));
        hidden.addAll(Guards.CORS_HEADERS);
        responseHeaders.add(Headers.added("vary", "origin"));
    }

    /** Envoy would wait for the body that a request announces, and be told only then that it is too long. */
    private void buffer(long limit) {
        refusals.add(new Refusal(
                "/too_large",
                List.of(HeaderMatcher.newBuilder()
                        .setName("content-length")
                        .setRangeMatch(
                                Int64Range.newBuilder().setStart(limit + 1).setEnd(Long.MAX_VALUE))
                        .build()),
                413,
                "request_too_large",
                false,
                new LinkedHashMap<>(pages)));
        pages.put(HttpFilters.BUFFER, Proto.any(Shaping.buffer(limit)));
    }

    private void counted() {
        CountedLimits made = CountedLimits.of(route);
        composite(HttpFilters.GLOBAL_LIMIT, "envoy.filters.http.ratelimit", made.config(), true);
        lacks.addAll(made.lacks());
    }

    private void limits() {
        List<TrafficFilter.LocalRateLimit> all = route.httpFilters().stream()
                .filter(TrafficFilter.LocalRateLimit.class::isInstance)
                .map(TrafficFilter.LocalRateLimit.class::cast)
                .toList();
        LocalLimits.Made made = LocalLimits.of(route, all);
        made.config().ifPresent(config -> both(HttpFilters.RATE_LIMIT, config));
        lacks.addAll(made.lacks());
    }
}
