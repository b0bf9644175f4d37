package dev.holdfast.translate;

import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.translate.GatewayListener.Protocol;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Leaves HTTP/3 on where it can be had, and says where a ClientTrafficPolicy asks for it in vain.
 */
record Http3(Policies client, List<Problem> problems) {
    List<GatewayListener> settle(List<GatewayListener> all) {
        Map<Origin, Boolean> met = new LinkedHashMap<>();
        Set<Integer> open = new HashSet<>();
        for (GatewayListener listener : all) {
            asked(listener).ifPresent(field -> met.merge(field.origin(), quic(listener), Boolean::logicalOr));
            if (quic(listener) && listener.tls().flatMap(Tls::clientValidation).isEmpty()) {
                open.add(listener.bindPort());
            }
        }
        met.forEach((origin, any) -> {
            if (!any) {
                problems.add(warning(
                        origin,
                        "HTTP/3 needs TLS, and no listener that this policy reaches ends it for requests",
                        "Target a listener of protocol HTTPS, or remove http3."));
            }
        });
        List<GatewayListener> out = new ArrayList<>();
        for (GatewayListener listener : all) {
            Optional<Field> field = quic(listener) ? asked(listener) : Optional.empty();
            Optional<Problem> why = field.flatMap(f -> prevents(listener, f, all, open));
            why.ifPresent(problems::add);
            out.add(why.isEmpty() ? listener : listener.withoutQuic());
        }
        return List.copyOf(out);
    }

    private Optional<Field> asked(GatewayListener listener) {
        return client.listener(listener.gateway(), listener.owner(), listener.section())
                .map(spec -> spec.get("http3"))
                .filter(Field::present);
    }

    private static boolean quic(GatewayListener listener) {
        return listener.client().connection().quic();
    }

    /** @param open ports at which some listener lets clients come by QUIC without a certificate */
    private Optional<Problem> prevents(
            GatewayListener listener, Field field, List<GatewayListener> all, Set<Integer> open) {
        String off = "HTTP/3 is off for listener " + listener.name() + ": ";
        if (listener.tls().filter(t -> !t.maxVersion().equals("TLSv1.3")).isPresent()) {
            return Optional.of(warning(
                    field.origin(),
                    off + "it speaks TLS 1.3, which tls.maxVersion leaves out",
                    "Remove tls.maxVersion, or http3."));
        }
        if (listener.tls().filter(t -> !t.crypto().signatures().isEmpty()).isPresent()) {
            return Optional.of(warning(
                    field.origin(),
                    off + "QUIC's library cannot be told tls.signatureAlgorithms",
                    "Remove tls.signatureAlgorithms, or http3."));
        }
        if (listener.connection().proxyProtocol() == ConnectionSettings.ProxyProtocol.REQUIRED) {
            return Optional.of(warning(
                    field.origin(),
                    off + "its clients are named by PROXY headers, for which QUIC has no place",
                    "Make the PROXY header optional, or remove http3."));
        }
        if (listener.tls().flatMap(Tls::clientValidation).isPresent() && open.contains(listener.bindPort())) {
            return Optional.of(warning(
                    field.origin(),
                    off + "it asks clients for certificates and others of port " + listener.port()
                            + " do not, which QUIC's library cannot tell apart",
                    "Give the listener a port of its own, or remove http3."));
        }
        return all.stream()
                .filter(l -> l.protocol() == Protocol.UDP && l.bindPort() == listener.bindPort())
                .findFirst()
                .map(l -> warning(
                        field.origin(),
                        off + "UDP port " + listener.port() + " is that of listener " + l.name(),
                        "Move one of the two to a port of its own."));
    }

    private static Problem warning(Origin origin, String message, String fix) {
        return Problem.at(origin, ProblemCode.NOT_CARRIED_OUT, Severity.WARNING, message, fix);
    }
}
