package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Handshake;
import dev.holdfast.doctor.probe.OriginProbe;
import dev.holdfast.doctor.probe.OriginProbe.Origins;
import dev.holdfast.doctor.probe.OriginProbe.Variant;
import dev.holdfast.doctor.probe.UpgradeProbe;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The site's own Origin refused, or everybody's accepted. */
final class OriginRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Origins> origins = seen.origins();
        if (origins.isEmpty()) {
            return List.of();
        }
        Handshake own = origins.get().own();
        if (own.stands()) {
            return origins.get().stands(Variant.FOREIGN_ORIGIN) ? List.of(notChecked(seen)) : List.of();
        }
        if (seen.intermittent()) {
            return List.of();
        }
        boolean invalid = own.says("Invalid origin!");
        boolean byOrigin = origins.get().refusesOwn();
        boolean refusal = own.status() == 403
                || own.close().filter(c -> c.closeCode() == 1008).isPresent()
                || byOrigin;
        if (!refusal) {
            return List.of();
        }
        if (invalid || seen.is(Application.N8N) && own.close().isPresent()) {
            return List.of(n8n(seen));
        }
        return byOrigin ? List.of(refused(seen)) : List.of();
    }

    private static Finding notChecked(Case seen) {
        boolean asksForToken =
                seen.handshake().filter(h -> h.says("auth_required")).isPresent();
        Finding finding = Finding.of(
                Code.ORIGIN_NOT_CHECKED,
                asksForToken
                        ? "A foreign Origin is let in, and the application asks for a token in its first message: a foreign page"
                                + " has none, so that nothing is lost."
                        : "A handshake with the Origin of another site (" + OriginProbe.FOREIGN
                                + ") is let in. Browsers send"
                                + " cookies along with WebSockets of any page and ask nobody: if the application knows its users"
                                + " by cookie, a foreign page can read and write as them (cross-site WebSocket hijacking,"
                                + " CWE-1385). With a token in the first message, or no login at all, there is nothing to steal.",
                List.of(seen.seen(OriginProbe.NAME)),
                List.of(
                        Cure.of(
                                "Let the application check Origin against its own host; most have a setting for it.",
                                "none, where it is told its public name"),
                        Cure.of(
                                "Let the gateway refuse handshakes with another Origin.",
                                "each site that may embed yours has to be listed",
                                Mending.envoyGateway(seen.yaml()
                                        .originCheck(
                                                seen.target().origin(),
                                                seen.target().path())),
                                Mending.holdfast(seen.yaml()
                                        .streamPolicy("allowedOrigins: []   # the page's own host is let in")))));
        return (asksForToken ? finding.level(Level.NOTE) : finding)
                .blame(seen.manifests().blameRule("this rule forwards handshakes of any Origin"));
    }

    /** What the variants that are let in tell of the host that the application believes to have. */
    private static String believed(Case seen) {
        Origins origins = seen.origins().orElseThrow();
        if (origins.stands(Variant.ORIGIN_WITHOUT_PORT) && !origins.stands(Variant.FOREIGN_ORIGIN)) {
            return " Here it lets in the Origin without the port, so that a hop loses the port of Host"
                    + " (nginx: $host instead of $http_host).";
        }
        if (origins.stands(Variant.FORWARDED_HOST)
                && !origins.stands(Variant.NO_ORIGIN)
                && !origins.stands(Variant.FOREIGN_ORIGIN)) {
            return " Here it lets the own Origin in where X-Forwarded-Host has its host, so that a hop replaces Host and"
                    + " does not send that.";
        }
        return origins.stands(Variant.HOST_WITH_PORT)
                ? " Here it lets the own Origin in where Host carries the default port, so that a hop takes that away or"
                        + " the application wants it; browsers never send it."
                : "";
    }

    /** Our own gateway's StreamPolicy said no: the page's origin is neither of this host nor listed. */
    private static Finding byStreamPolicy(Case seen, List<String> evidence) {
        String origin = seen.options().origin().orElse(seen.target().origin());
        return Finding.of(
                        Code.ORIGIN_REFUSED,
                        "The gateway itself refuses the handshake (origin_not_allowed): a StreamPolicy lets in pages of the"
                                + " same host, and of the origins it lists.",
                        evidence,
                        List.of(Cure.of(
                                "List the origin, if its pages are meant to open this WebSocket.",
                                "its pages can act as their visitors here",
                                Mending.holdfast(seen.yaml().streamPolicy("allowedOrigins: [\"" + origin + "\"]")))))
                .blame(Manifests.blame(seen.manifests().policy("StreamPolicy", "allowedOrigins"), "not in this list")
                        .or(() -> seen.manifests().blamePolicy("StreamPolicy", "this policy checks the Origin")));
    }

    private static Finding refused(Case seen) {
        List<String> evidence = List.of(
                seen.seen(UpgradeProbe.NAME),
                seen.seen(OriginProbe.NAME),
                "Origin sent: " + seen.options().origin().orElse(seen.target().origin()) + ", Host sent: "
                        + seen.target().authority());
        boolean ours = seen.handshake()
                .flatMap(Handshake::answer)
                .flatMap(a -> a.header("x-holdfast-reason"))
                .filter("origin_not_allowed"::equals)
                .isPresent();
        if (ours) {
            return byStreamPolicy(seen, evidence);
        }
        Optional<Application> application = seen.application();
        if (application.filter(Application.GRAFANA::equals).isPresent()) {
            return grafana(seen, evidence).blame(seen.manifests().changedHost());
        }
        if (application.filter(Application.CODE_SERVER::equals).isPresent()) {
            return codeServer(seen, evidence).blame(seen.manifests().changedHost());
        }
        return Finding.of(
                        Code.ORIGIN_REFUSED,
                        "Without an Origin, or with another, the handshake gets further; with the one that a browser sends for this"
                                + " very site it is refused. The application compares Origin with the host it believes to have,"
                                + " and that is another one: a proxy replaces Host by the backend's name, loses or adds its"
                                + " port, or the application was told another public URL."
                                + believed(seen),
                        evidence,
                        List.of(
                                Cure.of(
                                        "Keep Host on every hop as the client sent it, with its port if it is not the default"
                                                + " one, and Origin untouched.",
                                        "none",
                                        hostKept(seen),
                                        new Mending("nginx", "proxy_set_header Host $http_host;")),
                                Cure.of(
                                        "Or tell the application its public URL or allowed origins: "
                                                + seen.target().origin()
                                                + " (Jupyter: allow_origin; Phoenix: check_origin; Rails:"
                                                + " allowed_request_origins; Django Channels: ALLOWED_HOSTS).",
                                        "one setting more to keep right")))
                .blame(seen.manifests().changedHost());
    }

    private static Mending hostKept(Case seen) {
        return Mending.both("# in HTTPRoute " + seen.manifests().routeName()
                + ": no URLRewrite filter with hostname; Host is then kept as it came");
    }

    private static Finding codeServer(Case seen, List<String> evidence) {
        String host = seen.target().authority();
        return Finding.of(
                Code.CODE_SERVER_ORIGIN,
                "code-server compares the Origin's host as text with Forwarded, else the first X-Forwarded-Host, else Host,"
                        + " and answers 403 where they differ by as much as a :443; the browser shows 1006 and the terminal"
                        + " never connects.",
                evidence,
                List.of(
                        Cure.of(
                                "Send it Host (and X-Forwarded-Host, if at all) as the browser writes it: " + host
                                        + ", without :443 or :80.",
                                "none",
                                hostKept(seen),
                                new Mending("nginx", "proxy_set_header Host $http_host;")),
                        Cure.of(
                                "Or trust the origin.",
                                "pages of that host may open terminals",
                                new Mending("code-server", "code-server --trusted-origins " + host))));
    }

    private static Finding grafana(Case seen, List<String> evidence) {
        return Finding.of(
                Code.GRAFANA_ORIGIN,
                "Grafana Live lets in the Origin of root_url and of allowed_origins only, and logs \"Request Origin is not"
                        + " authorized\". Dashboards then show no live data.",
                evidence,
                List.of(
                        Cure.of(
                                "Set root_url to the URL that is used.",
                                "none",
                                new Mending(
                                        "Grafana",
                                        "[server]\nroot_url = " + seen.target().origin() + "/\n")),
                        Cure.of(
                                "Or allow this origin beside it.",
                                "none",
                                new Mending(
                                        "Grafana",
                                        "[live]\nallowed_origins = "
                                                + seen.target().origin() + "\n"))));
    }

    private static Finding n8n(Case seen) {
        List<String> evidence = new ArrayList<>(List.of(
                seen.seen(UpgradeProbe.NAME),
                seen.seen(OriginProbe.NAME),
                "Origin sent: " + seen.options().origin().orElse(seen.target().origin()) + ", Host sent: "
                        + seen.target().authority()));
        return Finding.of(
                        Code.N8N_ORIGIN,
                        "n8n answers 101 and then closes with 1008 \"Invalid origin!\": the Origin's host must equal Forwarded"
                                + " host, else X-Forwarded-Host, else Host, and here it does not. The editor shows \"Connection"
                                + " lost\". No setting of n8n turns the check off; N8N_PROXY_HOPS does not concern it.",
                        evidence,
                        List.of(
                                Cure.of(
                                        "Keep Host as the client sent it, with a port that is not the default one; send"
                                                + " X-Forwarded-Host at most once; leave Origin alone.",
                                        "none",
                                        hostKept(seen),
                                        new Mending(
                                                "nginx",
                                                "proxy_set_header Host $http_host;\nproxy_set_header X-Forwarded-Host $http_host;")),
                                Cure.of(
                                        "Tell n8n its public address for its links as well.",
                                        "none",
                                        new Mending(
                                                "n8n",
                                                "N8N_EDITOR_BASE_URL="
                                                        + seen.target().origin() + "/\nWEBHOOK_URL="
                                                        + seen.target().origin() + "/\nN8N_PROXY_HOPS=1\n")),
                                Cure.of(
                                        "Or use server-sent events instead of the WebSocket.",
                                        "needs hops that do not buffer",
                                        new Mending("n8n", "N8N_PUSH_BACKEND=sse"))))
                .blame(seen.manifests().changedHost());
    }
}
