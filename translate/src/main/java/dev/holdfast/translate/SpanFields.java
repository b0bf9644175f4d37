package dev.holdfast.translate;

import dev.holdfast.plan.Telemetry;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;

/** How requests become spans, as {@code telemetry.tracing} of an EnvoyProxy or a BackendTrafficPolicy says. */
record SpanFields(List<Problem> problems) {
    Telemetry.Spans of(Field tracing) {
        List<Telemetry.Tag> tags = new ArrayList<>();
        for (String name : tracing.get("customTags").names()) {
            Field tag = tracing.get("customTags").get(name);
            tags.add(new Telemetry.Tag(
                    name,
                    switch (tag.get("type").text("Literal")) {
                        case "Environment" ->
                            new Telemetry.Value.Environment(
                                    tag.at("environment.name").text(""),
                                    tag.at("environment.defaultValue").text(""));
                        case "RequestHeader" ->
                            new Telemetry.Value.RequestHeader(
                                    tag.at("requestHeader.name").text(""),
                                    tag.at("requestHeader.defaultValue").text(""));
                        default ->
                            new Telemetry.Value.Literal(tag.at("literal.value").text(""));
                    }));
        }
        for (String name : tracing.get("tags").names()) {
            Field tag = tracing.get("tags").get(name);
            if (new Operators(problems).readable(tag)) {
                tags.add(new Telemetry.Tag(name, new Telemetry.Value.Format(tag.text(""))));
            }
        }
        double random = tracing.get("samplingRate").present()
                ? tracing.get("samplingRate").number(100)
                : percent(tracing.get("samplingFraction"), 100);
        return new Telemetry.Spans(
                percent(tracing.get("clientSamplingFraction"), 100),
                random,
                percent(tracing.get("overallSamplingFraction"), 100),
                tags,
                name(tracing.at("spanName.server")),
                name(tracing.at("spanName.client")));
    }

    private String name(Field name) {
        return new Operators(problems).readable(name) ? name.text("") : "";
    }

    static double percent(Field fraction, double otherwise) {
        return fraction.present()
                ? 100.0
                        * fraction.get("numerator").number(0)
                        / Math.max(1, fraction.get("denominator").number(100))
                : otherwise;
    }
}
