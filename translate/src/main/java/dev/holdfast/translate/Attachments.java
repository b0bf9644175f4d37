package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Which listeners take which routes: parentRefs, allowedRoutes, host names. */
final class Attachments {
    static final List<String> ROUTE_KINDS = List.of("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute");

    private final ResourceSet set;
    private final Shelves shelves;
    private final List<Problem> problems;
    private final Namespaces namespaces;

    private Attachments(ResourceSet set, Shelves shelves, List<GatewayListener> listeners, List<Problem> problems) {
        this.set = set;
        this.shelves = shelves;
        Map<Shelves.Name, List<GatewayListener>> byOwner = new HashMap<>();
        for (GatewayListener listener : listeners) {
            ResourceRef owner = listener.owner().ref();
            byOwner.computeIfAbsent(
                            new Shelves.Name(owner.kind(), owner.namespace(), owner.name()), o -> new ArrayList<>())
                    .add(listener);
        }
        shelves.fill(listeners, owner -> byOwner.getOrDefault(owner, List.of()));
        this.problems = problems;
        this.namespaces = new Namespaces(set);
    }

    /** Of all routes, each a step of its own. */
    static List<Attachment> of(
            ResourceSet set,
            Shelves shelves,
            Steps<Resource, List<Attachment>> steps,
            List<GatewayListener> listeners,
            List<Problem> problems) {
        Attachments pass = new Attachments(set, shelves, listeners, problems);
        List<Attachment> out = new ArrayList<>();
        for (String kind : ROUTE_KINDS) {
            for (Resource route : set.kind(kind)) {
                out.addAll(steps.of(route, problems, () -> pass.route(route)));
            }
        }
        return List.copyOf(out);
    }

    private List<Attachment> route(Resource route) {
        List<Field> parents = route.spec().get("parentRefs").items();
        if (parents.isEmpty()) {
            warn(
                    route.spec(),
                    ProblemCode.NO_PARENT,
                    "the route names no parent, so nothing serves it",
                    "Add parentRefs with the name of a Gateway.");
        }
        List<Attachment> taken = new ArrayList<>();
        for (Field parent : parents) {
            for (Attachment attachment : parent(route, parent)) {
                if (taken.stream().noneMatch(t -> t.listener() == attachment.listener())) {
                    taken.add(attachment);
                }
            }
        }
        return List.copyOf(taken);
    }

    private List<Attachment> parent(Resource route, Field parent) {
        String kind = parent.get("kind").text("Gateway");
        String namespace = parent.get("namespace").text(route.ref().namespace());
        String name = parent.get("name").text("");
        if (!kind.equals("Gateway") && !kind.equals("ListenerSet")) {
            warn(
                    parent,
                    ProblemCode.NOT_CARRIED_OUT,
                    "a parent of kind " + kind + " is not carried out on this plane",
                    "Attach the route to a Gateway or ListenerSet.");
            return List.of();
        }
        if (set.find(kind, namespace, name).isEmpty()) {
            warn(
                    parent,
                    ProblemCode.NO_PARENT,
                    "there is no " + kind + " " + namespace + "/" + name + ", so no listener matches this parent ref",
                    "Name a " + kind + " that exists; across namespaces add parentRefs[].namespace.");
            return List.of();
        }
        List<GatewayListener> ofParent =
                Objects.requireNonNull(shelves.listeners.look(new Shelves.Name(kind, namespace, name)));
        if (ofParent.isEmpty()) {
            return List.of();
        }
        List<GatewayListener> named = ofParent.stream()
                .filter(l -> parent.get("sectionName").text(l.section()).equals(l.section()))
                .filter(l -> parent.get("port").number(l.port()) == l.port())
                .toList();
        if (named.isEmpty()) {
            warn(
                    parent,
                    ProblemCode.NO_PARENT,
                    "No listeners match this parent ref",
                    "Mend sectionName or port: " + kind + " " + namespace + "/" + name + " has the listeners "
                            + ofParent.stream().map(GatewayListener::section).toList() + ".");
            return List.of();
        }
        List<GatewayListener> allowing =
                named.stream().filter(l -> allows(l, route)).toList();
        if (allowing.isEmpty()) {
            warn(
                    parent,
                    ProblemCode.NOT_ALLOWED,
                    "No listeners included by this parent ref allowed this attachment.",
                    "Write allowedRoutes.namespaces.from: All at a listener of " + kind + " " + namespace + "/" + name
                            + ", whose protocol or allowedRoutes admit other kinds or namespaces, or move the route"
                            + " there.");
            return List.of();
        }
        List<Attachment> out = new ArrayList<>();
        for (GatewayListener listener : allowing) {
            List<String> hostnames = hostnames(listener, route);
            if (!hostnames.isEmpty()) {
                out.add(new Attachment(route, listener, hostnames));
            }
        }
        if (out.isEmpty()) {
            warn(
                    route.spec().get("hostnames"),
                    ProblemCode.NO_HOSTNAME,
                    "There were no hostname intersections between the "
                            + route.ref().kind()
                            + " and this parent ref's Listener(s).",
                    "Give the route a hostname that a listener covers: they have "
                            + allowing.stream()
                                    .map(l -> l.hostname().orElse("*"))
                                    .toList() + ".");
        }
        return out;
    }

    private boolean allows(GatewayListener listener, Resource route) {
        Field allowed = listener.field().get("allowedRoutes");
        List<Field> kinds = allowed.get("kinds").items();
        if (!kinds.isEmpty()
                && kinds.stream()
                        .noneMatch(
                                k -> k.get("kind").text("").equals(route.ref().kind()))) {
            return false;
        }
        return listener.takes(route.ref().kind())
                && namespaces.admits(allowed.get("namespaces"), "Same", listener.owner(), route);
    }

    private static List<String> hostnames(GatewayListener listener, Resource route) {
        String door = listener.hostname().orElse("*");
        List<Field> own = route.spec().get("hostnames").items();
        if (own.isEmpty()) {
            return List.of(door);
        }
        Set<String> out = new LinkedHashSet<>();
        for (Field hostname : own) {
            Hostnames.intersect(door, hostname.text("").toLowerCase(Locale.ROOT))
                    .ifPresent(out::add);
        }
        return List.copyOf(out);
    }

    private void warn(Field field, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(field.origin(), code, Severity.WARNING, message, fix));
    }
}
