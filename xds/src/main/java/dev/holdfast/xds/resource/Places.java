package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.rbac.v3.Principal;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.filters.http.geoip.v3.Geoip;
import io.envoyproxy.envoy.extensions.geoip_providers.common.v3.CommonGeoipProviderConfig;
import io.envoyproxy.envoy.extensions.geoip_providers.common.v3.CommonGeoipProviderConfig.GeolocationHeadersToAdd;
import io.envoyproxy.envoy.extensions.geoip_providers.maxmind.v3.MaxMindConfig;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Where clients are, as Envoy has it: a filter that writes what databases know into headers, and rules that read them. Clients
 * cannot write them, for they are taken off what comes; no backend sees them.
 */
final class Places {
    private static final String PREFIX = "x-holdfast-place-";
    private static final String COUNTRY = PREFIX + "country";
    private static final String REGION = PREFIX + "region";
    private static final String CITY = PREFIX + "city";
    private static final String NETWORK = PREFIX + "network";
    private static final String PROVIDER = PREFIX + "provider";

    private Places() {}

    private static String header(SecurityFilter.Hiding way) {
        return switch (way) {
            case ANY -> PREFIX + "hidden";
            case VPN -> PREFIX + "vpn";
            case HOSTING -> PREFIX + "hosting";
            case TOR -> PREFIX + "tor";
            case PROXY -> PREFIX + "proxy";
        };
    }

    /** What the rules read. */
    static Set<String> headers(SecurityFilter.Authorization rules) {
        Set<String> out = new TreeSet<>();
        rules.rules().stream().flatMap(r -> r.places().stream()).forEach(p -> conditions(p, out));
        return out;
    }

    /** Asks of the databases what the rules read. */
    static Message filter(SecurityFilter.Authorization rules, SecurityFilter.PlaceDatabases databases) {
        Set<String> read = headers(rules);
        GeolocationHeadersToAdd.Builder out = GeolocationHeadersToAdd.newBuilder();
        for (String header : read) {
            switch (header) {
                case COUNTRY -> out.setCountry(header);
                case REGION -> out.setRegion(header);
                case CITY -> out.setCity(header);
                case NETWORK -> out.setAsn(header);
                case PROVIDER -> out.setIsp(header);
                default -> hiding(header, out);
            }
        }
        MaxMindConfig.Builder files = MaxMindConfig.newBuilder()
                .setCommonProviderConfig(CommonGeoipProviderConfig.newBuilder().setGeoHeadersToAdd(out))
                .setCityDbPath(databases.cities())
                .setAsnDbPath(databases.networks())
                .setIspDbPath(databases.providers())
                .setAnonDbPath(databases.hidings());
        return Geoip.newBuilder()
                .setProvider(TypedExtensionConfig.newBuilder()
                        .setName("envoy.geoip_providers.maxmind")
                        .setTypedConfig(Proto.any(Additions.countries(files.build(), databases.countries()))))
                .build();
    }

    private static void hiding(String header, GeolocationHeadersToAdd.Builder out) {
        for (SecurityFilter.Hiding way : SecurityFilter.Hiding.values()) {
            if (header(way).equals(header)) {
                switch (way) {
                    case ANY -> out.setAnon(header);
                    case VPN -> out.setAnonVpn(header);
                    case HOSTING -> out.setAnonHosting(header);
                    case TOR -> out.setAnonTor(header);
                    case PROXY -> out.setAnonProxy(header);
                }
            }
        }
    }

    /** Whether the client is there. */
    static Principal in(SecurityFilter.Place place) {
        return Authorizations.all(conditions(place, new TreeSet<>()));
    }

    /** @param read the headers that are asked for */
    private static List<Principal> conditions(SecurityFilter.Place place, Set<String> read) {
        List<Principal> out = new ArrayList<>();
        text(COUNTRY, place.country(), read, out);
        text(REGION, place.region(), read, out);
        text(CITY, place.city(), read, out);
        text(NETWORK, place.network() == 0 ? "" : Long.toString(place.network()), read, out);
        text(PROVIDER, place.provider(), read, out);
        place.hidden().forEach((way, wanted) -> {
            List<Principal> one = new ArrayList<>();
            text(header(way), "true", read, one);
            out.add(wanted ? one.getFirst() : Authorizations.not(one.getFirst()));
        });
        return out;
    }

    private static void text(String header, String wanted, Set<String> read, List<Principal> out) {
        if (!wanted.isEmpty()) {
            read.add(header);
            out.add(Principal.newBuilder()
                    .setHeader(HeaderMatcher.newBuilder()
                            .setName(header)
                            .setStringMatch(
                                    StringMatcher.newBuilder().setExact(wanted).setIgnoreCase(true)))
                    .build());
        }
    }
}
