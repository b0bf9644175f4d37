package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The HTTP filters of a rule in the order in which they see a request, which is Envoy Gateway's: fault first. */
final class HttpFilters {
    private HttpFilters() {}

    static List<HttpFilter> of(Optional<Field> traffic, SecurityPolicies.Guard guard) {
        List<HttpFilter> out = new ArrayList<>();
        traffic.map(t -> t.get("faultInjection")).filter(Field::present).ifPresent(f -> out.add(fault(f)));
        out.addAll(guard.entry());
        out.addAll(guard.authorization());
        return out;
    }

    private static HttpFilter fault(Field fault) {
        Field abort = fault.get("abort");
        return new HttpFilter.Fault(
                Durations.of(fault.at("delay.fixedDelay"), Duration.ZERO),
                percent(fault.at("delay.percentage")),
                (int) abort.get("httpStatus").number(0),
                (int) abort.get("grpcStatus").number(-1),
                percent(abort.get("percentage")));
    }

    /** 100 where nothing is said. */
    private static double percent(Field field) {
        return field.text().map(Double::parseDouble).orElse(100.0);
    }
}
