package dev.holdfast.xds.snapshot;

import dev.holdfast.plan.ByName;
import dev.holdfast.xds.resource.Chain;
import dev.holdfast.xds.resource.Digest;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** All resources of one plan. A resource that did not change is the very one of the snapshot before. */
public final class Snapshot {
    public static final Snapshot EMPTY =
            new Snapshot(0, XdsResources.of(dev.holdfast.plan.Plan.EMPTY), new EnumMap<>(ResourceType.class), Map.of());

    private final long number;
    private final XdsResources source;
    private final Map<ResourceType, ByName<Versioned>> resources;
    private @Nullable Map<String, Versioned> whole;
    private @Nullable Map<Chain, Set<String>> chains;

    private final Map<ResourceType, Step> steps;

    /** From the {@code before} of one snapshot to that of the next: what is new or another, and what is gone. */
    public record Step(Map<String, Versioned> before, Map<String, Versioned> changed, Set<String> gone) {}

    private Snapshot(
            long number,
            XdsResources source,
            Map<ResourceType, ByName<Versioned>> resources,
            Map<ResourceType, Step> steps) {
        this.number = number;
        this.source = source;
        this.resources = resources;
        this.steps = steps;
    }

    /** The way here from the snapshot before, for kinds that changed. */
    public Optional<Step> step(ResourceType type) {
        return Optional.ofNullable(steps.get(type));
    }

    /** The snapshot after this one; what is equal in both is shared, a kind without change whole. */
    public Snapshot next(XdsResources source) {
        Map<ResourceType, ByName<Versioned>> out = new EnumMap<>(ResourceType.class);
        Map<ResourceType, Step> ways = new EnumMap<>(ResourceType.class);
        for (ResourceType type : ResourceType.values()) {
            ByName<Versioned> before = of(type);
            if (type != ResourceType.ROUTE && this.source.of(type) == source.of(type)) {
                out.put(type, before);
                continue;
            }
            ByName<Versioned> after = ByName.along(
                    type == ResourceType.ROUTE ? source.tables() : source.of(type),
                    before,
                    (message, known) -> known.isOf(message),
                    (name, message) -> Versioned.of(message));
            out.put(type, after);
            if (after != before) {
                Set<String> gone = new HashSet<>(before.besides(after).keySet());
                gone.removeIf(after::containsKey);
                ways.put(type, new Step(before, after.besides(before), Set.copyOf(gone)));
            }
        }
        return new Snapshot(number + 1, source, out, ways);
    }

    /** Counts up from 0, the empty one. */
    public long number() {
        return number;
    }

    public XdsResources source() {
        return source;
    }

    public ByName<Versioned> of(ResourceType type) {
        return resources.getOrDefault(type, ByName.of(Map.of()));
    }

    /** Route tables in one piece, for clients of the state-of-the-world form; made when the first of them asks. */
    public synchronized Map<String, Versioned> wholeTables() {
        if (whole == null) {
            Map<String, Versioned> made = new LinkedHashMap<>();
            source.of(ResourceType.ROUTE).forEach((name, table) -> made.put(name, Versioned.of(table)));
            whole = Collections.unmodifiableMap(made);
        }
        return whole;
    }

    /** Its filter chains, each with the clusters of the plan that its streams may go to; made when first asked for. */
    public synchronized Map<Chain, Set<String>> chains() {
        if (chains == null) {
            chains = Chain.withClusters(source);
        }
        return chains;
    }

    /** Of {@code type}, what is here and not in {@code later}. */
    public Map<String, Versioned> goneIn(Snapshot later, ResourceType type) {
        ByName<Versioned> then = later.of(type);
        Map<String, Versioned> out = new LinkedHashMap<>();
        of(type).besides(then).forEach((name, resource) -> {
            if (!then.containsKey(name)) {
                out.put(name, resource);
            }
        });
        return out;
    }

    /** The version of a set of resources: the same for the same contents, whatever their order. */
    public static String version(Map<String, Versioned> all, Collection<String> names) {
        StringBuilder text = new StringBuilder();
        for (String name : new TreeSet<>(names)) {
            Versioned resource = all.get(name);
            text.append(name)
                    .append(' ')
                    .append(resource == null ? "-" : resource.version())
                    .append('\n');
        }
        return Digest.of(text.toString().getBytes(StandardCharsets.UTF_8));
    }
}
