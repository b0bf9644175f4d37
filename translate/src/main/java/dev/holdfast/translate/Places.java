package dev.holdfast.translate;

import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Where clients are: what rules ask, and the databases that the EnvoyProxy of a Gateway names. */
record Places(Proxies proxies) {
    private static final Map<String, SecurityFilter.Hiding> HIDINGS = Map.of(
            "isAnonymous", SecurityFilter.Hiding.ANY,
            "isVPN", SecurityFilter.Hiding.VPN,
            "isHosting", SecurityFilter.Hiding.HOSTING,
            "isTor", SecurityFilter.Hiding.TOR,
            "isProxy", SecurityFilter.Hiding.PROXY);

    /** Empty where nothing is asked of places, or no database is named. */
    Optional<SecurityFilter.PlaceDatabases> databases(Resource gateway) {
        return proxies.of(gateway)
                .map(held -> held.spec().at("geoIP.provider.maxMind"))
                .filter(Field::present)
                .map(files -> new SecurityFilter.PlaceDatabases(
                        path(files, "cityDbSource"),
                        path(files, "countryDbSource"),
                        path(files, "asnDbSource"),
                        path(files, "ispDbSource"),
                        path(files, "anonymousIpDbSource")));
    }

    private static String path(Field files, String source) {
        return files.at(source + ".local.path").text("");
    }

    /** Empty where one of them cannot be asked; that has been said. */
    static Optional<List<SecurityFilter.Place>> of(
            Field listed, Optional<SecurityFilter.PlaceDatabases> databases, PolicyRefs refs) {
        if (listed.present() && databases.isEmpty()) {
            return refs.invalid(
                    listed,
                    "where clients are is asked, and no EnvoyProxy of the Gateway names a database",
                    "Name one under spec.geoIP.provider.maxMind of an EnvoyProxy, and that in the Gateway's"
                            + " infrastructure.parametersRef.");
        }
        List<SecurityFilter.Place> out = new ArrayList<>();
        for (Field item : listed.items()) {
            for (String name : item.names()) {
                List<String> sources = sources(name);
                if (sources.stream().noneMatch(s -> isThere(databases.get(), s))) {
                    return refs.invalid(
                            item.get(name),
                            name + " is asked, and the Gateway's EnvoyProxy does not name "
                                    + String.join(" or ", sources),
                            "Name it under spec.geoIP.provider.maxMind.");
                }
            }
            out.add(place(item));
        }
        return Optional.of(out);
    }

    /** The databases of which one is enough. */
    private static List<String> sources(String field) {
        return switch (field) {
            case "country" -> List.of("countryDbSource", "cityDbSource");
            case "asn" -> List.of("asnDbSource", "ispDbSource");
            case "isp" -> List.of("ispDbSource");
            case "anonymous" -> List.of("anonymousIpDbSource");
            default -> List.of("cityDbSource");
        };
    }

    private static boolean isThere(SecurityFilter.PlaceDatabases databases, String source) {
        String path = switch (source) {
            case "countryDbSource" -> databases.countries();
            case "asnDbSource" -> databases.networks();
            case "ispDbSource" -> databases.providers();
            case "anonymousIpDbSource" -> databases.hidings();
            default -> databases.cities();
        };
        return !path.isEmpty();
    }

    /** {@code US-CA} is the region CA of the country US. */
    private static SecurityFilter.Place place(Field item) {
        String country = item.get("country").text("").toUpperCase(Locale.ROOT);
        String region = item.get("region").text("").toUpperCase(Locale.ROOT);
        if (region.matches("[A-Z]{2}-.+") && (country.isEmpty() || region.startsWith(country))) {
            country = region.substring(0, 2);
            region = region.substring(3);
        }
        Map<SecurityFilter.Hiding, Boolean> hidden = new EnumMap<>(SecurityFilter.Hiding.class);
        Field anonymous = item.get("anonymous");
        anonymous.names().stream()
                .filter(HIDINGS::containsKey)
                .forEach(n -> hidden.put(HIDINGS.get(n), anonymous.get(n).flag(false)));
        return new SecurityFilter.Place(
                country,
                region,
                item.get("city").text(""),
                item.get("asn").number(0),
                item.get("isp").text(""),
                hidden);
    }
}
