package dev.holdfast.dataplane.filter.security;

import dev.holdfast.plan.SecurityFilter.Hiding;
import dev.holdfast.plan.SecurityFilter.Place;
import dev.holdfast.plan.SecurityFilter.PlaceDatabases;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where addresses are, by the databases that a plan names. Their fields are those of MaxMind's GeoIP2 and GeoLite2. */
final class PlaceBook {
    private final @Nullable PlaceFile cities;
    private final @Nullable PlaceFile countries;
    private final @Nullable PlaceFile networks;
    private final @Nullable PlaceFile providers;
    private final @Nullable PlaceFile hidings;

    /** What is known of an address; empty, or 0, where it is not. */
    record Whereabouts(String country, String region, String city, long network, String provider, Set<Hiding> hidden) {
        boolean isIn(Place place) {
            return (place.country().isEmpty() || place.country().equalsIgnoreCase(country))
                    && (place.region().isEmpty() || place.region().equalsIgnoreCase(region))
                    && (place.city().isEmpty() || place.city().equalsIgnoreCase(city))
                    && (place.network() == 0 || place.network() == network)
                    && (place.provider().isEmpty() || place.provider().equalsIgnoreCase(provider))
                    && place.hidden().entrySet().stream().allMatch(h -> hidden.contains(h.getKey()) == h.getValue());
        }
    }

    /** Reads the files, so not for an event loop. */
    PlaceBook(PlaceDatabases databases) {
        cities = file(databases.cities());
        countries = file(databases.countries());
        networks = file(databases.networks());
        providers = file(databases.providers());
        hidings = file(databases.hidings());
    }

    private static @Nullable PlaceFile file(String path) {
        return path.isEmpty() ? null : new PlaceFile(Path.of(path));
    }

    /** @throws IOException where a database cannot be asked, or {@code address} is none */
    Whereabouts of(byte[] address) throws IOException {
        InetAddress asked = InetAddress.getByAddress(address);
        Map<?, ?> city = find(cities, asked);
        Map<?, ?> country = countries == null ? city : find(countries, asked);
        Map<?, ?> provider = find(providers, asked);
        Map<?, ?> network = networks == null ? provider : find(networks, asked);
        return new Whereabouts(
                text(map(country, "country").get("iso_code")),
                text(first(city, "subdivisions").get("iso_code")),
                text(map(map(city, "city"), "names").get("en")),
                network.get("autonomous_system_number") instanceof Number n ? n.longValue() : 0,
                text(provider.get("isp")),
                hidden(find(hidings, asked)));
    }

    private static Set<Hiding> hidden(Map<?, ?> of) {
        Set<Hiding> out = EnumSet.noneOf(Hiding.class);
        for (Hiding way : Hiding.values()) {
            String name = switch (way) {
                case ANY -> "is_anonymous";
                case VPN -> "is_anonymous_vpn";
                case HOSTING -> "is_hosting_provider";
                case TOR -> "is_tor_exit_node";
                case PROXY -> "is_public_proxy";
            };
            if (Boolean.TRUE.equals(of.get(name))) {
                out.add(way);
            }
        }
        return out;
    }

    private static Map<?, ?> find(@Nullable PlaceFile in, InetAddress address) throws IOException {
        return in == null ? Map.of() : in.find(address);
    }

    private static Map<?, ?> map(Map<?, ?> in, String name) {
        return in.get(name) instanceof Map<?, ?> found ? found : Map.of();
    }

    private static Map<?, ?> first(Map<?, ?> in, String name) {
        return in.get(name) instanceof List<?> found && !found.isEmpty() && found.getFirst() instanceof Map<?, ?> one
                ? one
                : Map.of();
    }

    private static String text(@Nullable Object value) {
        return value instanceof String text ? text : "";
    }
}
