package dev.holdfast.translate;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.translate.GatewayListener.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Which Gateways are ours, and their listeners with TLS and client settings. All Gateways share one machine's ports. */
final class Gateways {

    private final Certificates certificates;
    private final Policies client;
    private final Exposure exposure;
    private final Proxies proxies;
    private final TranslateOptions options;
    private final List<Problem> problems;
    private final PortClaims ports;
    private final Clients clients;
    private final ClientCertificates clientCertificates;

    private Gateways(
            ResourceSet set, Grants grants, Policies client, TranslateOptions options, List<Problem> problems) {
        this.certificates = new Certificates(set, grants, problems);
        this.clients = new Clients(problems);
        this.clientCertificates = new ClientCertificates(set, grants, clients, problems);
        this.client = client;
        this.exposure = new Exposure(set, options);
        this.proxies = new Proxies(set);
        this.options = options;
        this.problems = problems;
        this.ports = new PortClaims(problems);
    }

    /** The Gateways' own listeners come first, then those of ListenerSets, so that a set never takes a Gateway's place. */
    static List<GatewayListener> listeners(
            ResourceSet set, Grants grants, Policies client, TranslateOptions options, List<Problem> problems) {
        Gateways pass = new Gateways(set, grants, client, options, problems);
        List<Resource> gateways =
                set.kind("Gateway").stream().filter(g -> pass.ours(set, g)).toList();
        List<GatewayListener> out = new ArrayList<>();
        for (Resource gateway : gateways) {
            pass.shown(gateway);
            pass.listeners(gateway, gateway, out);
        }
        for (ListenerSets.Taken taken : new ListenerSets(set, new Namespaces(set), problems).of(gateways)) {
            pass.listeners(taken.gateway(), taken.listenerSet(), out);
        }
        pass.ports.sharedPorts();
        return new Http3(client, problems).settle(out);
    }

    /** Names what is wrong with the certificate that a Gateway shows to backends, whether or not any asks for it. */
    private void shown(Resource gateway) {
        Field ref = gateway.spec().at("tls.backend.clientCertificateRef");
        if (ref.present()) {
            certificates.one(gateway, ref);
        }
    }

    private void listeners(Resource gateway, Resource owner, List<GatewayListener> out) {
        for (Field listener : owner.spec().get("listeners").items()) {
            listener(gateway, owner, listener).ifPresent(out::add);
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

    private Optional<GatewayListener> listener(Resource gateway, Resource owner, Field field) {
        String named = field.get("protocol").text("");
        Optional<Protocol> known = Protocol.of(named);
        if (known.isEmpty()) {
            problems.add(Problem.at(
                    field.get("protocol").origin(),
                    ProblemCode.UNSUPPORTED_PROTOCOL,
                    Severity.WARNING,
                    "there are no listeners of protocol " + named + "; this one is not bound",
                    "Use HTTP, HTTPS, TLS, TCP or UDP."));
            return Optional.empty();
        }
        Protocol protocol = known.get();
        int port = (int) field.get("port").number(0);
        Optional<String> hostname = protocol == Protocol.TCP || protocol == Protocol.UDP
                ? Optional.empty()
                : field.get("hostname").text().map(String::toLowerCase);
        Optional<Field> policy =
                client.listener(gateway, owner, field.get("name").text(""));
        boolean serves = true;
        Optional<Tls> tls = Optional.empty();
        ClientCertificates.Asked asked = ClientCertificates.Asked.NOTHING;
        boolean passthrough = field.at("tls.mode").text("Terminate").equals("Passthrough");
        if (protocol == Protocol.HTTPS || (protocol == Protocol.TLS && !passthrough)) {
            List<Tls.Certificate> certs = certificates.of(owner, field);
            asked = clientCertificates.of(gateway, port, policy);
            serves = !certs.isEmpty() && !asked.shut();
            tls = Optional.of(ClientTraffic.tls(
                    policy,
                    certs,
                    protocol == Protocol.HTTPS ? ClientTraffic.HTTP_ALPN : List.of(),
                    asked.validation(),
                    problems));
        }
        OptionalInt bindPort = exposure.bindPort(gateway, port);
        Optional<ConnectionSettings.Family> family = family(gateway);
        ClientRules rules = clients.of(policy, protocol, hostname);
        GatewayListener made = new GatewayListener(
                gateway,
                owner,
                field,
                protocol,
                port,
                bindPort.orElse(0),
                hostname,
                tls,
                ClientTraffic.http(policy),
                rules.with(rules.connection().at(family)),
                ClientTraffic.connection(policy, protocol).at(family),
                serves,
                asked.refused(),
                asked.frontend());
        return Optional.of(bindPort.isEmpty() ? made.broken() : ports.claim(made));
    }

    /** Where Envoys are a Gateway's own; by our own Pods all its addresses lead to the same ports. */
    private Optional<ConnectionSettings.Family> family(Resource gateway) {
        return options.exposed() && options.envoy()
                ? proxies.of(gateway)
                        .flatMap(held -> switch (held.spec().get("ipFamily").text("")) {
                            case "IPv4" -> Optional.of(ConnectionSettings.Family.IPV4);
                            case "IPv6" -> Optional.of(ConnectionSettings.Family.IPV6);
                            case "DualStack" -> Optional.of(ConnectionSettings.Family.BOTH);
                            default -> Optional.empty();
                        })
                : Optional.empty();
    }
}
