package dev.holdfast.app.collect;

import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;
import java.util.Optional;

/** Whoever has decided before is followed; else the rules of listener and route decide, as Envoy does it. */
final class PlanSampler implements Sampler {
    private PlanSampler() {}

    static Sampler of(Optional<Telemetry.Sampler> asked) {
        if (asked.isEmpty()) {
            return new PlanSampler();
        }
        Telemetry.Sampler said = asked.get();
        Sampler own = switch (said.kind()) {
            case ON -> Sampler.alwaysOn();
            case OFF -> Sampler.alwaysOff();
            case RATIO -> Sampler.traceIdRatioBased(Math.clamp(said.percent() / 100, 0, 1));
        };
        return said.parentBased() ? Sampler.parentBased(own) : new WithinTrace(own);
    }

    @Override
    public SamplingResult shouldSample(
            Context parent, String trace, String name, SpanKind kind, Attributes attributes, List<LinkData> links) {
        SpanContext before = Span.fromContext(parent).getSpanContext();
        boolean chosen = before.isValid() ? before.isSampled() : !Boolean.FALSE.equals(parent.get(Tracing.CHOSEN));
        return chosen ? SamplingResult.recordAndSample() : SamplingResult.drop();
    }

    @Override
    public String getDescription() {
        return "HoldfastPlan";
    }

    /** Asked of the request's span alone: what is below it goes with it. */
    private record WithinTrace(Sampler own) implements Sampler {
        @Override
        public SamplingResult shouldSample(
                Context parent, String trace, String name, SpanKind kind, Attributes attributes, List<LinkData> links) {
            Span above = Span.fromContext(parent);
            SpanContext before = above.getSpanContext();
            if (before.isValid() && !before.isRemote()) {
                return before.isSampled() ? SamplingResult.recordAndSample() : SamplingResult.drop();
            }
            return own.shouldSample(parent, trace, name, kind, attributes, links);
        }

        @Override
        public String getDescription() {
            return own.getDescription();
        }
    }
}
