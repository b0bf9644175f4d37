package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.translate.GatewayListener.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Who has a port of the machine: the first that claims it, and whoever can be told apart from all who have it. */
final class PortClaims {
    private final List<Problem> problems;
    private final Map<Integer, List<GatewayListener>> tcp = new TreeMap<>();
    private final Map<Integer, List<GatewayListener>> udp = new TreeMap<>();

    PortClaims(List<Problem> problems) {
        this.problems = problems;
    }

    /** The listener with its place, or broken where another has it. */
    GatewayListener claim(GatewayListener made) {
        List<GatewayListener> port =
                (made.protocol() == Protocol.UDP ? udp : tcp).computeIfAbsent(made.bindPort(), p -> new ArrayList<>());
        Optional<GatewayListener> clash =
                port.stream().filter(other -> clash(other, made)).findFirst();
        if (clash.isPresent()) {
            problems.add(conflict(clash.get(), made));
            return made.broken();
        }
        port.add(made);
        return made;
    }

    /** Connections of a plain port are one listener's as much as another's, so one policy has to do for all. */
    void sharedPorts() {
        for (List<GatewayListener> port : tcp.values()) {
            GatewayListener first = port.getFirst();
            for (GatewayListener other : port) {
                if (other.protocol() == Protocol.HTTP
                        && !(other.http().equals(first.http()) && other.client().equals(first.client()))) {
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

    private static boolean clash(GatewayListener a, GatewayListener b) {
        return a.port() != b.port()
                || !compatible(a, b)
                || !a.protocol().http() && !a.protocol().byName()
                || a.hostname().equals(b.hostname());
    }

    private static boolean compatible(GatewayListener a, GatewayListener b) {
        return a.protocol() == b.protocol()
                || a.protocol().byName() && b.protocol().byName();
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
        } else if (!compatible(first, second)) {
            code = ProblemCode.PROTOCOL_CONFLICT;
            message = "All listeners for a given port must use a compatible protocol, conflicting listeners: " + other;
            fix = "Move one of the two to a port of its own.";
        } else if (!second.protocol().http() && !second.protocol().byName()) {
            code = ProblemCode.PROTOCOL_CONFLICT;
            message = "Only one " + second.protocol() + " listener is allowed in a given port, conflicting listeners: "
                    + other;
            fix = "Move one of the two to a port of its own.";
        } else {
            message = "All listeners for a given port must use a unique hostname, conflicting listeners: " + other;
            fix = "Give each its own hostname, or remove one.";
        }
        return Problem.at(second.field().origin(), code, Severity.ERROR, message, fix);
    }
}
