package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.ForwardedProbe;
import dev.holdfast.doctor.probe.ForwardedProbe.Forwarded;
import dev.holdfast.doctor.probe.ForwardedProbe.Variant;
import dev.holdfast.doctor.probe.OriginProbe;
import dev.holdfast.doctor.probe.OriginProbe.Origins;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.wire.Answer;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Requests that are refused because they came through a proxy. */
final class ForwardedRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Forwarded> forwarded = seen.find(Forwarded.class);
        boolean all = seen.page().filter(p -> isHomeAssistantRefusal(seen, p)).isPresent()
                || seen.handshake()
                        .flatMap(h -> h.answer())
                        .filter(a -> isHomeAssistantRefusal(seen, a))
                        .isPresent();
        boolean onlyForwarded = forwarded
                .filter(f -> f.status(Variant.NONE) > 0 && f.status(Variant.NONE) < 400)
                .filter(f -> f.status(Variant.FOR) >= 400 && f.status(Variant.FOR_AND_PROTO) >= 400)
                .isPresent();
        if (seen.is(Application.HOME_ASSISTANT) && (all || onlyForwarded)
                || onlyForwarded
                        && forwarded
                                .filter(f -> f.body().equals("400: Bad Request"))
                                .isPresent()) {
            return List.of(homeAssistant(seen, all));
        }
        return onlyForwarded
                ? List.of(refused(seen))
                : forwarded.filter(ForwardedRule::strict).isPresent()
                                || seen.origins().filter(ForwardedRule::strict).isPresent()
                        ? List.of(strict(seen))
                        : List.of();
    }

    /** A sound header is taken, and one that no single proxy writes is not. */
    private static boolean strict(Forwarded forwarded) {
        boolean sound = forwarded.status(Variant.FOR) > 0 && forwarded.status(Variant.FOR) < 400;
        return sound
                && Stream.of(Variant.FOR_NO_ADDRESS, Variant.PROTO_TWICE, Variant.HOST_TWICE, Variant.HOST_EMPTY)
                        .anyMatch(v -> forwarded.status(v) == 400);
    }

    /** code-server and n8n compare the Origin with X-Forwarded-Host as text. */
    private static boolean strict(Origins origins) {
        return origins.own().stands()
                && origins.stands(OriginProbe.Variant.FORWARDED_HOST)
                && origins.refuses(OriginProbe.Variant.FORWARDED_HOST_TWICE);
    }

    private static Finding strict(Case seen) {
        return Finding.of(
                Code.FORWARDED_STRICT,
                "The application takes X-Forwarded headers and refuses what carries them inconsistently. That is right; but"
                        + " every hop has to append to one chain: one X-Forwarded-For of addresses only, one"
                        + " X-Forwarded-Proto (or as many as there are addresses), at most one X-Forwarded-Host.",
                List.of(seen.seen(ForwardedProbe.NAME), seen.seen(OriginProbe.NAME)),
                List.of(Cure.of(
                        "Let each proxy append to X-Forwarded-For and set the others once; none may copy them.",
                        "none",
                        new Mending(
                                "nginx",
                                "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
                                        + "proxy_set_header X-Forwarded-Proto $scheme;"))));
    }

    /** Its answer to everything that carries X-Forwarded-For from a proxy it does not trust. */
    static boolean isHomeAssistantRefusal(Case seen, Answer answer) {
        return seen.is(Application.HOME_ASSISTANT)
                && answer.status() == 400
                && answer.text().strip().equals("400: Bad Request");
    }

    private static Finding homeAssistant(Case seen, boolean all) {
        Finding finding = Finding.of(
                Code.HOME_ASSISTANT_TRUSTED_PROXIES,
                "Home Assistant answers 400 to every request that carries X-Forwarded-For unless it was told to expect it and"
                        + " the proxy's address is in trusted_proxies; pages and the WebSocket alike. Its log has the address:"
                        + " \"A request from a reverse proxy was received from …\" or \"Received X-Forwarded-For header from an"
                        + " untrusted proxy …\". "
                        + (all
                                ? "Here the gateway adds the header to every request."
                                : "Here requests without the header are answered, and those that this machine sends with it"
                                        + " are not: this machine is not trusted, which is right. Is the gateway?"),
                List.of(seen.seen(PageProbe.HTTP1), seen.seen(ForwardedProbe.NAME)),
                List.of(Cure.of(
                        "Put the address or network of the gateway (in Kubernetes: the pod network) into configuration.yaml"
                                + " and restart it.",
                        "whoever is in that network can claim any client address: name it as narrowly as you can",
                        new Mending("Home Assistant", """
                                http:
                                  use_x_forwarded_for: true
                                  trusted_proxies:
                                    - 10.244.0.0/16   # the gateway's address or the pod network; see Home Assistant's log
                                """))));
        return all ? finding : finding.level(Level.NOTE);
    }

    private static Finding refused(Case seen) {
        return Finding.of(
                Code.FORWARDED_REFUSED,
                "The same request is answered without X-Forwarded-For and refused with it: this machine is not among the proxies"
                        + " that the application trusts, which is right for whoever is no proxy. Every gateway adds this"
                        + " header: is the gateway among them?",
                List.of(seen.seen(ForwardedProbe.NAME)),
                List.of(Cure.of(
                        "Tell the application which proxy to trust (a setting called trusted proxies, forwarded allow ips or"
                                + " the like), with the gateway's address.",
                        "whoever is trusted can claim any client address")));
    }
}
