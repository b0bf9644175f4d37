package dev.holdfast.translate;

import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Which Gateways are ours, and their listeners with TLS and client settings. All Gateways share one machine's ports. */
final class Gateways {
    private static final Set<String> HTTP_PROTOCOLS = Set.of("HTTP", "HTTPS");

    private final Certificates certificates;
    private final Policies client;
    private final TranslateOptions options;
    private final List<Problem> problems;
    private final Map<Integer, List<GatewayListener>> byBindPort = new TreeMap<>();

    private Gateways(Certificates certificates, Policies client, TranslateOptions options, List<Problem> problems) {
        this.certificates = certificates;
        this.client = client;
        this.options = options;
        this.problems = problems;
    }

    static List<GatewayListener> listeners(
            ResourceSet set, Grants grants, Policies client, TranslateOptions options, List<Problem> problems) {
        Gateways pass = new Gateways(new Certificates(set, grants, problems), client, options, problems);
        List<GatewayListener> out = new ArrayList<>();
        for (Resource gateway : set.kind("Gateway")) {
            if (pass.ours(set, gateway)) {
                for (Field listener : gateway.spec().get("listeners").items()) {
                    pass.listener(gateway, listener).ifPresent(out::add);
                }
            }
        }
        pass.sharedPorts();
        return List.copyOf(out);
    }

    /** Connections of a plain port are one listener's as much as another's, so one policy has to do for all. */
    private void sharedPorts() {
        for (List<GatewayListener> port : byBindPort.values()) {
            GatewayListener first = port.getFirst();
            for (GatewayListener other : port) {
                if (other.tls().isEmpty() && !other.http().equals(first.http())) {
                    problems.add(Problem.at(
                            other.field().origin(),
                            ProblemCode.CONFLICTED,
                            Severity.WARNING,
                            "ClientTrafficPolicy gives this listener other settings than " + first.name()
                                    + ", with which it shares port " + other.port()
                                    + " without TLS; what concerns connections is taken from " + first.name(),
                            "Target the whole Gateway with one policy, or give the listener a port of its own."));
                }
            }
        }
    }

    /** Says of a Gateway that another controller has that it is left to it. */
    private boolean ours(ResourceSet set, Resource gateway) {
        if (GatewayClasses.ours(set, gateway)) {
            return true;
        }
        Field name = gateway.spec().get("gatewayClassName");
        problems.add(Problem.at(
                name.origin(),
                ProblemCode.NOTHING_TO_SERVE,
                Severity.INFO,
                "the GatewayClass " + name.text("") + " belongs to the controller "
                        + GatewayClasses.controller(set, name.text("")) + ", so this Gateway is left to it",
                "To serve it here, give the class the controllerName gateway.holdfast.dev/gatewayclass-controller."));
        return false;
    }

    private Optional<GatewayListener> listener(Resource gateway, Field field) {
        String protocol = field.get("protocol").text("");
        if (!HTTP_PROTOCOLS.contains(protocol)) {
            problems.add(Problem.at(
                    field.get("protocol").origin(),
                    ProblemCode.UNSUPPORTED_PROTOCOL,
                    Severity.WARNING,
                    "listeners of protocol " + protocol + " are not carried out on this plane; this one is not bound",
                    "Use HTTP or HTTPS."));
            return Optional.empty();
        }
        int port = (int) field.get("port").number(0);
        int bindPort = options.bindPort(port);
        Optional<String> hostname = field.get("hostname").text().map(String::toLowerCase);
        Optional<Field> policy = client.listener(gateway, field.get("name").text(""));
        HttpSettings http = ClientTraffic.http(policy);
        boolean serves = true;
        Optional<Tls> tls = Optional.empty();
        if (protocol.equals("HTTPS")) {
            List<Tls.Certificate> certs = certificates.of(gateway, field);
            serves = !certs.isEmpty();
            tls = Optional.of(ClientTraffic.tls(policy, certs));
        }
        GatewayListener made = new GatewayListener(
                gateway, field, port, bindPort, hostname, tls, http, serves, guarded(gateway, field, policy));
        Optional<GatewayListener> clash = byBindPort.getOrDefault(bindPort, List.of()).stream()
                .filter(other -> clash(other, made))
                .findFirst();
        if (clash.isPresent()) {
            problems.add(conflict(clash.get(), made));
            return Optional.of(made.broken());
        }
        byBindPort.computeIfAbsent(bindPort, p -> new ArrayList<>()).add(made);
        return Optional.of(made);
    }

    private static boolean clash(GatewayListener a, GatewayListener b) {
        return a.port() != b.port()
                || a.tls().isPresent() != b.tls().isPresent()
                || a.hostname().equals(b.hostname());
    }

    private static Problem conflict(GatewayListener first, GatewayListener second) {
        ProblemCode code = ProblemCode.LISTENER_CONFLICT;
        String other = first.name()
                + first.field().origin().position().map(p -> " at " + p).orElse("");
        String message;
        String fix;
        if (first.port() != second.port()) {
            message = "port " + second.port() + " would be bound as " + second.bindPort()
                    + ", which is also the port of listener " + other;
            fix = "Choose another --port-offset, or another port.";
        } else if (first.tls().isPresent() != second.tls().isPresent()) {
            code = ProblemCode.PROTOCOL_CONFLICT;
            message = "All listeners for a given port must use a compatible protocol, conflicting listeners: " + other;
            fix = "Move one of the two to a port of its own.";
        } else {
            message = "All listeners for a given port must use a unique hostname, conflicting listeners: " + other;
            fix = "Give each its own hostname, or remove one.";
        }
        return Problem.at(second.field().origin(), code, Severity.ERROR, message, fix);
    }

    /** Client certificates that are asked for but not checked would be a door left open. */
    private boolean guarded(Resource gateway, Field listener, Optional<Field> policy) {
        if (!listener.get("protocol").text("").equals("HTTPS")) {
            return false;
        }
        Field byPolicy = policy.map(p -> p.at("tls.clientValidation")).orElse(Field.absent(gateway.origin()));
        Field byGateway = gateway.spec().at("tls.frontend");
        for (Field guard : List.of(byPolicy, byGateway)) {
            if (guard.present()) {
                problems.add(Problem.at(
                        guard.origin(),
                        ProblemCode.NOT_CARRIED_OUT,
                        Severity.WARNING,
                        "client certificates are not checked on this plane yet, so every request to listener "
                                + gateway.ref().namespace() + "/"
                                + gateway.ref().name() + "/"
                                + listener.get("name").text("") + " is answered with 500 rather than let through",
                        "Remove it, or run these manifests on Envoy."));
                return true;
            }
        }
        return false;
    }
}
