package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.ResourceSet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The filters that a BackendTrafficPolicy makes of a rule, those before and those after the checks of who asks. */
record TrafficPolicies(ResourceSet set, List<Problem> problems) {
    /** Shorter answers are not worth it (Envoy's default). */
    private static final long MIN_COMPRESSED = 30;

    private static final List<String> GRPC_CODES = List.of(
            "Ok",
            "Cancelled",
            "Unknown",
            "InvalidArgument",
            "DeadlineExceeded",
            "NotFound",
            "AlreadyExists",
            "PermissionDenied",
            "ResourceExhausted",
            "FailedPrecondition",
            "Aborted",
            "OutOfRange",
            "Unimplemented",
            "Internal",
            "Unavailable",
            "DataLoss",
            "Unauthenticated");

    /** Empty where the policy cannot be understood: then the rule answers 500, as with Envoy Gateway. */
    Optional<List<HttpFilter>> before(Optional<Field> policy) {
        if (policy.isEmpty()) {
            return Optional.of(List.of());
        }
        List<HttpFilter> out = new ArrayList<>();
        Field overrides = policy.get().get("responseOverride");
        if (!overrides.items().isEmpty()) {
            Optional<TrafficFilter.ResponseOverride> override = override(overrides);
            if (override.isEmpty()) {
                return Optional.empty();
            }
            out.add(override.get());
        }
        Field fault = policy.get().get("faultInjection");
        if (fault.present()) {
            out.add(fault(fault));
        }
        return Optional.of(out);
    }

    /** As {@link #before}; {@code rule} names the rule whose buckets and counts these are. */
    Optional<List<HttpFilter>> after(Optional<Field> policy, String rule) {
        if (policy.isEmpty()) {
            return Optional.of(List.of());
        }
        Field spec = policy.get();
        List<HttpFilter> out = new ArrayList<>();
        if (spec.get("requestBuffer").present()) {
            out.add(new TrafficFilter.RequestBuffer(ClientTraffic.quantity(spec.at("requestBuffer.limit"), 0)));
        }
        if (spec.get("admissionControl").present()) {
            out.add(admission(spec.get("admissionControl"), rule));
        }
        Optional<List<HttpFilter>> limits = new RateLimits(problems).of(spec, rule);
        if (limits.isEmpty()) {
            return Optional.empty();
        }
        out.addAll(limits.get());
        Field bandwidth = spec.get("bandwidthLimit");
        if (bandwidth.present()) {
            out.add(new TrafficFilter.Bandwidth(
                    rule,
                    bytesPerSecond(bandwidth.at("request.limit")),
                    bytesPerSecond(bandwidth.at("response.limit")),
                    Optional.of(bandwidth.at("response.responseTrailers"))
                            .filter(Field::present)
                            .map(told -> told.get("prefix").text(""))));
        }
        return Optional.of(out);
    }

    /** What sees the answer first. */
    List<HttpFilter> last(Optional<Field> policy) {
        List<Field> listed = policy.map(p -> p.get(p.get("compressor").present() ? "compressor" : "compression"))
                .map(Field::items)
                .orElse(List.of());
        if (listed.isEmpty()) {
            return List.of();
        }
        return List.of(new TrafficFilter.Compression(listed.stream()
                .flatMap(c -> codec(c)
                        .map(codec -> new TrafficFilter.Encoding(
                                codec, ClientTraffic.quantity(c.get("minContentLength"), MIN_COMPRESSED)))
                        .stream())
                .toList()));
    }

    /** Anything else has been refused where it was read. */
    private static Optional<TrafficFilter.Codec> codec(Field compressor) {
        String type = compressor.get("type").text("Gzip").toUpperCase(Locale.ROOT);
        return Arrays.stream(TrafficFilter.Codec.values())
                .filter(c -> c.name().equals(type))
                .findFirst();
    }

    private static double bytesPerSecond(Field limit) {
        double seconds = switch (limit.get("unit").text("Second")) {
            case "Minute" -> 60;
            case "Hour" -> 3600;
            default -> 1;
        };
        return ClientTraffic.quantity(limit.get("value"), 0) / seconds;
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

    /** Envoy's defaults. */
    private static HttpFilter admission(Field control, String rule) {
        Set<Integer> http = control.at("successCriteria.http.statusCodes").items().stream()
                .map(s -> (int) s.number(0))
                .collect(Collectors.toSet());
        Set<Integer> grpc = control.at("successCriteria.grpc.statusCodes").items().stream()
                .map(s -> GRPC_CODES.indexOf(s.text("")))
                .collect(Collectors.toSet());
        return new TrafficFilter.AdmissionControl(
                rule,
                Durations.of(control.get("samplingWindow"), Duration.ofSeconds(30)),
                control.get("minSuccessRate").number(95),
                control.get("rejectionAggression").number(1),
                control.get("minRequestRate").number(0),
                control.get("maxRejectionPercent").number(80),
                http,
                grpc);
    }

    private Optional<TrafficFilter.ResponseOverride> override(Field list) {
        List<TrafficFilter.OverrideRule> rules = new ArrayList<>();
        for (Field item : list.items()) {
            List<TrafficFilter.StatusRange> statuses = item.at("match.statusCodes").items().stream()
                    .map(TrafficPolicies::range)
                    .toList();
            List<TrafficFilter.HeaderIs> headers = new ArrayList<>();
            for (Field header : item.at("match.responseHeaders").items()) {
                Field value = header.get("value");
                Optional<TrafficFilter.Value> wanted = value(value.get("type").text("Exact"), value.get("value"));
                if (wanted.isEmpty()) {
                    return Optional.empty();
                }
                headers.add(new TrafficFilter.HeaderIs(header.get("name").text(""), wanted.get()));
            }
            String source = item.get("source").text("All");
            Optional<TrafficFilter.Replacement> replacement =
                    item.get("redirect").present() ? Optional.of(redirect(item.get("redirect"))) : answer(item);
            if (replacement.isEmpty()) {
                return Optional.empty();
            }
            rules.add(new TrafficFilter.OverrideRule(
                    statuses, headers, !source.equals("Backend"), !source.equals("Local"), replacement.get()));
        }
        return Optional.of(new TrafficFilter.ResponseOverride(rules));
    }

    private static TrafficFilter.StatusRange range(Field status) {
        int value = (int) status.get("value").number(0);
        return status.get("type").text("Value").equals("Range")
                ? new TrafficFilter.StatusRange((int) status.at("range.start").number(0), (int)
                        status.at("range.end").number(0))
                : new TrafficFilter.StatusRange(value, value);
    }

    private Optional<TrafficFilter.Value> value(String type, Field value) {
        String text = value.text("");
        return switch (type) {
            case "Prefix" -> Optional.of(new TrafficFilter.Value.Prefix(text));
            case "Suffix" -> Optional.of(new TrafficFilter.Value.Suffix(text));
            case "RegularExpression" ->
                new Matches(problems).valid(value, text)
                        ? Optional.of(new TrafficFilter.Value.Regex(text))
                        : Optional.empty();
            default -> Optional.of(new TrafficFilter.Value.Exact(text));
        };
    }

    private Optional<TrafficFilter.Replacement> answer(Field item) {
        Field response = item.get("response");
        return new Bodies(set, problems)
                .of(response.get("body"))
                .map(body -> new TrafficFilter.Replacement.Answer(
                        (int) response.get("statusCode").number(0),
                        response.get("contentType").text(""),
                        body,
                        Filters.mutation(response.get("header"))));
    }

    private static TrafficFilter.Replacement redirect(Field redirect) {
        Field path = redirect.get("path");
        return new TrafficFilter.Replacement.Redirect(new Route.Action.Redirect(
                redirect.get("scheme").text(""),
                redirect.get("hostname").text(""),
                (int) redirect.get("port").number(0),
                path.present()
                        ? new Route.PathRewrite.ReplaceFull(
                                path.get("replaceFullPath").text("/"))
                        : new Route.PathRewrite.Keep(),
                (int) redirect.get("statusCode").number(302)));
    }
}
