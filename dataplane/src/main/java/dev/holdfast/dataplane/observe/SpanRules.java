package dev.holdfast.dataplane.observe;

import dev.holdfast.plan.Telemetry;
import io.netty.handler.codec.http.HttpHeaders;
import io.opentelemetry.api.trace.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Which requests become spans, and what is said of them. */
public final class SpanRules {
    private final Telemetry.Spans said;
    private final List<Tag> tags = new ArrayList<>();
    private final @Nullable Text serverName;
    private final @Nullable Text clientName;

    private record Tag(String name, Value value) {}

    private interface Value {
        @Nullable
        String of(Facts facts);
    }

    public SpanRules(Telemetry.Spans said) {
        this.said = said;
        this.serverName = said.serverName().isEmpty() ? null : new Text(said.serverName());
        this.clientName = said.clientName().isEmpty() ? null : new Text(said.clientName());
        for (Telemetry.Tag tag : said.tags()) {
            tags.add(new Tag(tag.name(), value(tag.value())));
        }
    }

    /** Those of a route, whose names and tags come over the listener's. */
    public SpanRules of(Telemetry.Spans route) {
        List<Telemetry.Tag> all = new ArrayList<>(said.tags());
        all.addAll(route.tags());
        return new SpanRules(new Telemetry.Spans(
                route.clientPercent(),
                route.randomPercent(),
                route.overallPercent(),
                all,
                route.serverName().isEmpty() ? said.serverName() : route.serverName(),
                route.clientName().isEmpty() ? said.clientName() : route.clientName()));
    }

    private static Value value(Telemetry.Value value) {
        return switch (value) {
            case Telemetry.Value.Literal(String text) -> facts -> text;
            case Telemetry.Value.Environment(String name, String otherwise) -> {
                String set = System.getenv(name);
                String text = set == null ? otherwise : set;
                yield facts -> text;
            }
            case Telemetry.Value.RequestHeader(String name, String otherwise) ->
                facts -> {
                    String header = facts.requestHeader(name);
                    return header == null ? otherwise : header;
                };
            case Telemetry.Value.Format(String text) -> new Text(text)::of;
        };
    }

    /** For a request that comes without a decision made before (Envoy, "Tracing": which requests are sampled). */
    boolean chosen(HttpHeaders headers) {
        boolean asked = headers.contains("x-client-trace-id") && hit(said.clientPercent());
        return (asked || hit(said.randomPercent())) && hit(said.overallPercent());
    }

    private static boolean hit(double percent) {
        return percent >= 100 || percent > 0 && ThreadLocalRandom.current().nextDouble(100) < percent;
    }

    void name(Span server, @Nullable Span client, Facts facts) {
        if (serverName != null) {
            server.updateName(serverName.of(facts));
        }
        if (client != null && clientName != null) {
            client.updateName(clientName.of(facts));
        }
        for (Tag tag : tags) {
            String value = tag.value.of(facts);
            if (value != null && !value.isEmpty()) {
                server.setAttribute(tag.name, value);
            }
        }
    }
}
