package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.Surroundings;
import dev.holdfast.plan.SecurityFilter;

/** The factory of each kind of security filter. */
public final class SecurityFilters {
    private SecurityFilters() {}

    public static FilterFactory factory(SecurityFilter filter, Surroundings around) {
        return switch (filter) {
            case SecurityFilter.Cors cors -> CorsFilter.factory(cors);
            case SecurityFilter.Csrf csrf -> CsrfFilter.factory(csrf);
            case SecurityFilter.BasicAuth basic -> BasicAuthFilter.factory(basic);
            case SecurityFilter.ApiKeyAuth keys -> ApiKeyFilter.factory(keys);
            case SecurityFilter.ExtAuth server -> ExtAuthFilter.factory(server, around.calls());
            case SecurityFilter.Oidc oidc -> OidcFilter.factory(oidc, around.calls());
            case SecurityFilter.JwtAuth tokens -> JwtFilter.factory(tokens, around.calls());
            case SecurityFilter.Authorization rules -> AuthorizationFilter.factory(rules);
        };
    }
}
