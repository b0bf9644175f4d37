package dev.holdfast.translate;

import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** Which pages may ask for what: CORS of a route's filter and of a policy, and a policy's guard against forged requests. */
final class CorsFields {
    private CorsFields() {}

    /** Gateway API: seconds, 5 where nothing is said. */
    static SecurityFilter ofRoute(Field cors) {
        return of(cors, Duration.ofSeconds(cors.get("maxAge").number(5)));
    }

    static SecurityFilter ofPolicy(Field cors) {
        return of(cors, Durations.of(cors.get("maxAge"), Duration.ZERO));
    }

    private static SecurityFilter of(Field cors, Duration maxAge) {
        return new SecurityFilter.Cors(
                origins(cors.get("allowOrigins")),
                texts(cors.get("allowMethods")),
                texts(cors.get("allowHeaders")),
                texts(cors.get("exposeHeaders")),
                maxAge,
                cors.get("allowCredentials").flag(false));
    }

    static SecurityFilter csrf(Field csrf) {
        Field fraction = csrf.get("shadowFraction");
        double percent = 100.0
                * fraction.get("numerator").number(0)
                / Math.max(1, fraction.get("denominator").number(100));
        return new SecurityFilter.Csrf(origins(csrf.get("additionalOrigins")), Math.clamp(percent, 0, 100));
    }

    private static List<SecurityFilter.OriginPattern> origins(Field list) {
        return texts(list).stream()
                .map(text -> new SecurityFilter.OriginPattern(text.toLowerCase(Locale.ROOT)))
                .toList();
    }

    static List<String> texts(Field list) {
        return list.items().stream()
                .map(i -> i.text(""))
                .filter(t -> !t.isEmpty())
                .toList();
    }
}
