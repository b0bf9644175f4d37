package dev.holdfast.xds.server;

import dev.holdfast.problem.Origin;
import dev.holdfast.xds.snapshot.Snapshot;
import dev.holdfast.xds.snapshot.Versioned;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What an Envoy asks of one kind of resource, and what it has of it. At most one response awaits its answer. */
final class Subscription {
    /** The version that stands for "told that there is none". */
    static final String NONE = "-";

    /** Octets, about, that a name takes besides its letters. */
    private static final int OVERHEAD = 64;

    boolean wildcard;
    /** Changed by {@link #asks} and {@link #asksNoMore} only. */
    final Set<String> names = new LinkedHashSet<>();

    private long octets;
    /** Name to version of what it holds, or {@link #NONE}. */
    private final Map<String, String> known = new HashMap<>();

    /** How many of these are {@link #NONE}. */
    private int absent;

    /** All that is to be had, as it was when it held something of each; null where that is not known. */
    private @Nullable Map<String, Versioned> complete;

    /** What it throws away when it takes in a change of something else, and does not ask for again. */
    private final Set<String> forgotten = new LinkedHashSet<>();

    /** Whether it has asked for anything yet. */
    boolean begun;

    /** False until its first response has gone out, which must come even where it is empty. */
    boolean answered;

    /** True once it has accepted a response. */
    boolean accepted;

    /** Whether there may be something new to send. */
    boolean dirty = true;

    /** Whether what it asks for has changed since the last response went out. */
    boolean asksAnew;

    @Nullable
    Change pending;

    /** All that is to be had, as it was when it had all that it asks of it; null where that is not known. */
    @Nullable
    Map<String, Versioned> synced;

    String lastNonce = "";

    /** The number of the snapshot that it refused, or -1; nothing more of that one is sent. */
    long refused = -1;

    String error = "";
    List<String> refusedNames = List.of();
    Optional<Origin> refusedAt = Optional.empty();
    long acceptedPlan;
    long answeredAtMillis;

    /** What a response brings; {@code versions} of what is sent, {@link #NONE} for what is taken away. */
    record Change(
            String nonce,
            long plan,
            Map<String, Versioned> resources,
            List<String> removed,
            Map<String, String> versions,
            Map<String, Versioned> wanted) {
        boolean isEmpty() {
            return resources.isEmpty() && removed.isEmpty();
        }
    }

    /** What must be sent for it to hold {@code wanted} as far as it asks; {@code step} may spare looking at all of it. */
    Change toward(Map<String, Versioned> wanted, Optional<Snapshot.Step> step, long plan, String nonce) {
        Map<String, Versioned> send = new LinkedHashMap<>();
        List<String> removed = new ArrayList<>();
        for (String name : forgotten) {
            Versioned resource = wanted.get(name);
            if (resource != null && (wildcard || names.contains(name))) {
                // Whatever it has accepted since: that was on its way before.
                send.put(name, resource);
            }
        }
        forgotten.clear();
        if (synced == wanted) {
            return change(wanted, plan, nonce, send, removed);
        }
        if (synced != null && step.isPresent() && step.get().before() == synced) {
            step.get().changed().forEach((name, resource) -> {
                if (wildcard || names.contains(name)) {
                    offer(name, resource, send);
                }
            });
            step.get().gone().stream()
                    .filter(name -> (wildcard || names.contains(name)) && !NONE.equals(known.getOrDefault(name, NONE)))
                    .forEach(removed::add);
            return change(wanted, plan, nonce, send, removed);
        }
        if (wildcard) {
            wanted.forEach((name, resource) -> offer(name, resource, send));
            known.forEach((name, version) -> {
                if (!wanted.containsKey(name) && !version.equals(NONE)) {
                    removed.add(name);
                }
            });
        }
        for (String name : names) {
            Versioned resource = wanted.get(name);
            if (resource != null) {
                offer(name, resource, send);
            } else if (!NONE.equals(known.get(name)) && !removed.contains(name)) {
                removed.add(name);
            }
        }
        return change(wanted, plan, nonce, send, removed);
    }

    private static Change change(
            Map<String, Versioned> wanted, long plan, String nonce, Map<String, Versioned> send, List<String> removed) {
        Map<String, String> versions = new HashMap<>();
        send.forEach((name, resource) -> versions.put(name, resource.version()));
        removed.forEach(name -> versions.put(name, NONE));
        return new Change(nonce, plan, send, removed, versions, wanted);
    }

    private void offer(String name, Versioned resource, Map<String, Versioned> send) {
        if (!resource.version().equals(known.get(name))) {
            send.put(name, resource);
        }
    }

    /** It holds this version, or with {@link #NONE} knows that there is none. */
    void knows(String name, String version) {
        count(known.put(name, version), -1);
        count(version, 1);
    }

    /** Whether anything was known. */
    boolean knowsNoMore(String name) {
        String was = known.remove(name);
        count(was, -1);
        complete = null;
        return was != null;
    }

    /** Nothing of what has such a name. */
    void knowsNoMore(Predicate<String> names) {
        List.copyOf(known.keySet()).stream().filter(names).forEach(this::knowsNoMore);
    }

    private void count(@Nullable String version, int by) {
        if (NONE.equals(version)) {
            absent += by;
        }
    }

    /** The names of what it holds. */
    Set<String> holds() {
        return known.entrySet().stream()
                .filter(e -> !e.getValue().equals(NONE))
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    /** Whether something is known of each of {@code all}; {@code step} may spare looking at all of it. */
    boolean knowsAll(Map<String, Versioned> all, Optional<Snapshot.Step> step) {
        if (complete == all) {
            return true;
        }
        Set<String> anew = step.filter(s -> s.before() == complete)
                .map(s -> s.changed().keySet())
                .orElse(all.keySet());
        if (!known.keySet().containsAll(anew)) {
            return false;
        }
        complete = all;
        return true;
    }

    /** It has let go of this one: it goes out again, changed or not. */
    void forgot(String name) {
        if (knowsNoMore(name)) {
            forgotten.add(name);
            dirty = true;
        }
    }

    void asksAnew() {
        asksAnew = true;
        synced = null;
        dirty = true;
    }

    void asks(String name) {
        if (names.add(name)) {
            octets += name.length() + OVERHEAD;
        }
    }

    void asksNoMore(String name) {
        if (names.remove(name)) {
            octets -= name.length() + OVERHEAD;
        }
    }

    long octetsOfNames() {
        return octets;
    }

    /** How many it holds. */
    int size() {
        return known.size() - absent;
    }

    /** Of how many it holds them or has been told that there are none. */
    int knownNames() {
        return known.size();
    }
}
