package dev.holdfast.xds.server;

import dev.holdfast.plan.ByName;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import dev.holdfast.xds.snapshot.Snapshot;
import dev.holdfast.xds.snapshot.Versioned;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.type.v3.SemanticVersion;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One Envoy's stream, whatever its protocol; touched on the fleet's loop only. An update goes out so that nothing is missed
 * at any moment: clusters and their endpoints first, listeners and routes when those have been accepted, and what no longer
 * serves is taken away last.
 */
final class NodeStream {
    private static final List<ResourceType> KEPT_TO_THE_END =
            List.of(ResourceType.CLUSTER, ResourceType.ENDPOINT, ResourceType.SECRET);
    private static final int NAMES_SHOWN = 100;
    private static final long ENDPOINTS_WAIT_MILLIS = 1000;
    /** Octets of the names that one client may ask for: more than a hundred thousand names. */
    private static final long NAMES_AT_MOST = 16 << 20;

    /** How a change is put on the wire. */
    interface Wire {
        void send(ResourceType type, Subscription to, Subscription.Change change, Map<String, Versioned> wanted);

        String protocol();

        /** False while what was sent before still waits for a slow client. */
        boolean isReady();

        /** Whether route tables go out in one piece. */
        boolean wholeTables();
    }

    private final Fleet fleet;
    private final Wire wire;
    private final String address;
    private final Optional<String> certified;
    private final long connectedAt = System.currentTimeMillis();
    private final Map<ResourceType, Subscription> subscriptions = new EnumMap<>(ResourceType.class);
    /** Out of the plan, but not to be taken away before listeners and routes have let go of them. */
    private final Map<ResourceType, Map<String, Versioned>> retained = new EnumMap<>(ResourceType.class);
    /** The plan's with the {@link #retained}, of kinds that have some. */
    private final Map<ResourceType, ByName<Versioned>> withRetained = new EnumMap<>(ResourceType.class);
    /** From what was {@link #withRetained} to the plan's alone. */
    private final Map<ResourceType, Snapshot.Step> releases = new EnumMap<>(ResourceType.class);

    /** Whether somebody will look whether it has taken all. */
    boolean expected;

    /** Whether it has been told that it has not. */
    boolean late;

    private Snapshot target = Snapshot.EMPTY;
    private String id = "";
    private String cluster = "";
    private String version = "";
    private long clustersAcceptedAt;
    private long nonces;
    private long whole;
    private volatile Snapshot held = Snapshot.EMPTY;
    private volatile EnvoyNode view;

    NodeStream(Fleet fleet, Wire wire, String address, Optional<String> certified) {
        this.fleet = fleet;
        this.wire = wire;
        this.address = address;
        this.certified = certified;
        this.view = new EnvoyNode("", "", "", address, wire.protocol(), connectedAt, 0, 0, 0, List.of(), List.of());
    }

    EnvoyNode view() {
        return view;
    }

    String id() {
        return id;
    }

    /** What it has taken whole. */
    Snapshot held() {
        return held;
    }

    Snapshot target() {
        return target;
    }

    boolean isKnown() {
        return !id.isEmpty();
    }

    /** Which snapshots are meant for it: its certificate says so, or where that is none of ours the node itself. */
    String fleet() {
        return certified.orElse(cluster);
    }

    /** The first request says who asks. */
    void named(Node node) {
        id = node.getId().isEmpty() ? address : node.getId();
        cluster = node.getCluster();
        SemanticVersion v = node.getUserAgentBuildVersion().getVersion();
        version = node.hasUserAgentBuildVersion()
                ? v.getMajorNumber() + "." + v.getMinorNumber() + "." + v.getPatch()
                : node.getUserAgentVersion();
    }

    /** What it goes towards first. */
    void begin(Snapshot first) {
        target = first;
    }

    Subscription subscription(ResourceType type) {
        return subscriptions.computeIfAbsent(type, t -> new Subscription());
    }

    /** Whether it asks for more names than there could be resources of a plan. */
    boolean asksTooMuch() {
        return subscriptions.values().stream()
                        .mapToLong(Subscription::octetsOfNames)
                        .sum()
                > NAMES_AT_MOST;
    }

    String nextNonce() {
        return Long.toString(++nonces);
    }

    /** Goes towards {@code next}; {@code gone} is what the snapshot before had and this has not. */
    void retarget(Snapshot next, Map<ResourceType, Map<String, Versioned>> gone) {
        for (ResourceType type : KEPT_TO_THE_END) {
            Map<String, Versioned> keep = new LinkedHashMap<>(retained.getOrDefault(type, Map.of()));
            keep.putAll(gone.getOrDefault(type, Map.of()));
            keep.keySet().removeAll(next.of(type).keySet());
            retained.put(type, keep);
            withRetained.put(type, next.of(type).with(keep, Set.of()));
        }
        releases.clear();
        target = next;
        subscriptions.values().forEach(s -> s.dirty = true);
        advance();
    }

    /** The version in force of what is asked of a kind, as a state-of-the-world client would name it. */
    String versionOf(ResourceType type, Collection<String> names) {
        return Snapshot.version(wanted(type), names);
    }

    Map<String, Versioned> wanted(ResourceType type) {
        if (type == ResourceType.ROUTE && wire.wholeTables()) {
            return target.wholeTables();
        }
        if (type == ResourceType.VIRTUAL_HOST) {
            return hosts();
        }
        return retained.getOrDefault(type, Map.of()).isEmpty()
                ? target.of(type)
                : withRetained.getOrDefault(type, target.of(type));
    }

    /** The way from what it was to have to {@code wanted}, where one is known that spares looking at all of it. */
    private Optional<Snapshot.Step> step(ResourceType type, Map<String, Versioned> wanted) {
        Optional<Snapshot.Step> step = target.step(type);
        if (wanted == target.of(type)) {
            return Optional.ofNullable(releases.get(type)).or(() -> step);
        }
        return wanted == withRetained.get(type)
                ? step.map(s -> new Snapshot.Step(s.before(), s.changed(), Set.of()))
                : Optional.empty();
    }

    /** What was kept to the end may go. */
    private void release() {
        retained.forEach((type, of) -> {
            if (!of.isEmpty()) {
                releases.put(
                        type,
                        new Snapshot.Step(
                                withRetained.getOrDefault(type, target.of(type)), Map.of(), Set.copyOf(of.keySet())));
            }
        });
        retained.clear();
        withRetained.clear();
    }

    /** Of the tables that it has: it throws away hosts of a table it does not know, and would never ask for them again. */
    private Map<String, Versioned> hosts() {
        Subscription tables = subscription(ResourceType.ROUTE);
        Map<String, Versioned> all = target.of(ResourceType.VIRTUAL_HOST);
        Set<String> known = tables.holds();
        if (known.containsAll(target.of(ResourceType.ROUTE).keySet())) {
            return all;
        }
        Map<String, Versioned> out = new LinkedHashMap<>();
        all.forEach((name, host) -> {
            if (known.contains(name.substring(0, name.lastIndexOf('/')))) {
                out.put(name, host);
            }
        });
        return out;
    }

    /**
     * A cluster that changes is built anew, without endpoints. Envoy does not ask for them again: it waits 15 s for them
     * (initial_fetch_timeout), uses the cluster that was until then, and accepts the change only after that. So they follow
     * at once.
     */
    private void forgetEndpoints(Collection<Versioned> clusters) {
        Subscription endpoints = subscription(ResourceType.ENDPOINT);
        for (Versioned cluster : clusters) {
            if (cluster.message() instanceof Cluster c && c.hasEdsClusterConfig()) {
                endpoints.forgot(c.getEdsClusterConfig().getServiceName());
            }
        }
    }

    /** It has asked for a table again, so it has none of its hosts. */
    void forgetHosts(String table) {
        Subscription hosts = subscription(ResourceType.VIRTUAL_HOST);
        hosts.knowsNoMore(name -> name.lastIndexOf('/') == table.length() && name.startsWith(table));
        hosts.asksAnew();
    }

    /** The answer to the pending response, if {@code nonce} is its. */
    void answered(ResourceType type, String nonce, String error) {
        Subscription subscription = subscription(type);
        Subscription.Change pending = subscription.pending;
        if (pending == null || !pending.nonce().equals(nonce)) {
            return;
        }
        subscription.pending = null;
        subscription.answeredAtMillis = System.currentTimeMillis();
        subscription.dirty = true;
        if (error.isEmpty()) {
            subscription.accepted = true;
            subscription.acceptedPlan = pending.plan();
            subscription.error = "";
            subscription.refusedNames = List.of();
            subscription.refusedAt = Optional.empty();
            subscription.refused = -1;
            subscription.synced = subscription.asksAnew ? null : pending.wanted();
            pending.versions().forEach((name, v) -> {
                if (v.equals(Subscription.NONE) && !subscription.names.contains(name)) {
                    subscription.knowsNoMore(name);
                } else {
                    subscription.knows(name, v);
                }
            });
            if (type == ResourceType.CLUSTER) {
                clustersAcceptedAt = System.currentTimeMillis();
            }
            if (type == ResourceType.ROUTE) {
                subscription(ResourceType.VIRTUAL_HOST).dirty = true;
            }
            fleet.accepted(this, type);
        } else {
            subscription.refused = pending.plan();
            subscription.error = XdsResources.shown(error);
            subscription.synced = null;
            // Whatever of it was taken in is not known: it goes out again with the next plan.
            pending.versions().keySet().forEach(subscription::knowsNoMore);
            subscription.refusedNames = pending.versions().keySet().stream()
                    .sorted()
                    .limit(NAMES_SHOWN)
                    .toList();
            subscription.refusedAt = fleet.refused(this, type, pending, error);
        }
    }

    /** Sends what may go now; before the first plan nothing, or an Envoy that outlived us would drop what it serves. */
    void advance() {
        if (!isKnown()) {
            return;
        }
        if (target == Snapshot.EMPTY) {
            view = describe();
            return;
        }
        for (ResourceType type : ResourceType.values()) {
            send(type);
        }
        if (!retained.values().stream().allMatch(Map::isEmpty)
                && done(ResourceType.LISTENER)
                && done(ResourceType.ROUTE)
                && done(ResourceType.VIRTUAL_HOST)) {
            release();
            KEPT_TO_THE_END.forEach(t -> subscription(t).dirty = true);
            KEPT_TO_THE_END.forEach(this::send);
        }
        if (isDone()) {
            fleet.holds(this);
            if (hasAll()) {
                whole = target.number();
                held = target;
            }
        }
        view = describe();
    }

    /** An Envoy asks for route tables and endpoints only after it has taken in what names them. */
    private boolean hasAll() {
        for (ResourceType type : ResourceType.values()) {
            if (type == ResourceType.VIRTUAL_HOST && wire.wholeTables()) {
                continue;
            }
            Subscription subscription = subscriptions.get(type);
            int known = subscription == null ? 0 : subscription.knownNames();
            if (known < target.of(type).size() || (subscription != null && subscription.refused >= 0)) {
                return false;
            }
        }
        return true;
    }

    boolean isDone() {
        for (ResourceType type : ResourceType.values()) {
            if (!done(type)) {
                return false;
            }
        }
        return retained.values().stream().allMatch(Map::isEmpty);
    }

    /** When it last answered, or came. */
    long heardAtMillis() {
        return subscriptions.values().stream()
                .mapToLong(s -> s.answeredAtMillis)
                .reduce(connectedAt, Math::max);
    }

    /** The kinds of which something is on its way to it, or ready to go. */
    List<String> waiting() {
        return subscriptions.entrySet().stream()
                .filter(e -> e.getValue().refused != target.number() && !done(e.getKey()))
                .map(e -> e.getKey().plural())
                .toList();
    }

    private boolean done(ResourceType type) {
        Subscription subscription = subscriptions.get(type);
        return subscription == null
                || (subscription.pending == null && !subscription.dirty)
                || (!subscription.wildcard && subscription.names.isEmpty());
    }

    private void send(ResourceType type) {
        Subscription to = subscriptions.get(type);
        if (to == null || to.pending != null || !to.dirty || (!to.wildcard && to.names.isEmpty())) {
            if (to != null && !to.wildcard && to.names.isEmpty()) {
                to.dirty = false;
            }
            return;
        }
        if (to.refused == target.number() || !wire.isReady()) {
            return;
        }
        Map<String, Versioned> wanted = wanted(type);
        Subscription.Change change = to.toward(wanted, step(type, wanted), target.number(), nextNonce());
        if (change.isEmpty() && to.answered) {
            to.synced = wanted;
            to.dirty = false;
            return;
        }
        boolean follows =
                type == ResourceType.LISTENER || type == ResourceType.ROUTE || type == ResourceType.VIRTUAL_HOST;
        if (follows && to.answered && !clustersReady()) {
            return;
        }
        to.pending = change;
        to.lastNonce = change.nonce();
        to.answered = true;
        to.dirty = false;
        to.asksAnew = false;
        fleet.sent(type, wire.protocol());
        wire.send(type, to, change, wanted);
        if (type == ResourceType.CLUSTER) {
            forgetEndpoints(change.resources().values());
        }
    }

    /** Whether routes may name the clusters of the plan: all accepted, and their endpoints asked for and accepted. */
    private boolean clustersReady() {
        Subscription clusters = subscriptions.get(ResourceType.CLUSTER);
        if (clusters == null) {
            return true;
        }
        if (!done(ResourceType.CLUSTER)) {
            return false;
        }
        Subscription endpoints = subscriptions.get(ResourceType.ENDPOINT);
        if (endpoints != null && endpoints.pending != null) {
            return false;
        }
        if (endpoints != null && endpoints.dirty) {
            return false;
        }
        Map<String, Versioned> all = target.of(ResourceType.ENDPOINT);
        if (endpoints == null ? all.isEmpty() : endpoints.knowsAll(all, target.step(ResourceType.ENDPOINT))) {
            return true;
        }
        // Envoy asks for a new cluster's endpoints a moment after it has accepted the cluster. Another client may
        // never.
        long left = clustersAcceptedAt + ENDPOINTS_WAIT_MILLIS - System.currentTimeMillis();
        if (left > 0) {
            fleet.later(this, left);
        }
        return left <= 0;
    }

    private EnvoyNode describe() {
        List<EnvoyNode.Kind> kinds = new ArrayList<>();
        subscriptions.forEach((type, s) -> kinds.add(new EnvoyNode.Kind(
                type.plural(),
                s.refused >= 0 ? "refused" : s.pending != null || !s.accepted ? "waiting" : "accepted",
                s.size(),
                s.acceptedPlan,
                s.refusedNames,
                s.error,
                s.refusedAt,
                s.answeredAtMillis)));
        return new EnvoyNode(
                id, cluster, version, address, wire.protocol(), connectedAt, whole, 0, 0, List.of(), kinds);
    }
}
