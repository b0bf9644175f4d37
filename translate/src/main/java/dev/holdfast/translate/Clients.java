package dev.holdfast.translate;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;

/** A ClientTrafficPolicy into how a listener takes what clients send. */
record Clients(List<Problem> problems) {
    ClientRules of(Optional<Field> policy, GatewayListener.Protocol protocol, Optional<String> hostname) {
        ClientRules base = ClientRules.DEFAULT;
        if (policy.isEmpty()) {
            return base;
        }
        Field spec = policy.get();
        return new ClientRules(
                ClientTraffic.connection(policy, protocol),
                address(spec.get("clientIPDetection")),
                headers(spec.get("headers")),
                new ClientRules.Paths(
                        !spec.at("path.disableMergeSlashes").flag(false),
                        slashes(spec.at("path.escapedSlashesAction").text("KeepUnchanged"))),
                http1(spec.get("http1"), hostname),
                http2(spec.get("http2")),
                spec.at("healthCheck.path").text(""),
                spec.get("scheme").text("").equals("Preserve"),
                spec.at("grpc.enableWeb").flag(false),
                spec.at("tls.fingerprints").items().stream()
                        .flatMap(f -> Arrays.stream(ClientRules.Fingerprint.values())
                                .filter(known -> known.name().equals(f.text(""))))
                        .collect(Collectors.toSet()));
    }

    private static ClientRules.Address address(Field detection) {
        Field forwarded = detection.get("xForwardedFor");
        Field custom = detection.get("customHeader");
        if (forwarded.present()) {
            return new ClientRules.Address.Forwarded(
                    (int) forwarded.get("numTrustedHops").number(0),
                    forwarded.get("trustedCIDRs").items().stream()
                            .map(c -> c.text(""))
                            .toList(),
                    !forwarded.get("disableXForwardedForAppend").flag(false));
        }
        return custom.present()
                ? new ClientRules.Address.CustomHeader(
                        custom.get("name").text("").toLowerCase(Locale.ROOT),
                        custom.get("failClosed").flag(false))
                : new ClientRules.Address.Direct();
    }

    private ClientRules.Headers headers(Field headers) {
        ClientRules.Headers base = ClientRules.Headers.DEFAULT;
        return new ClientRules.Headers(
                switch (headers.get("withUnderscoresAction").text("Allow")) {
                    case "RejectRequest" -> ClientRules.Underscores.REJECT;
                    case "DropHeader" -> ClientRules.Underscores.DROP;
                    default -> ClientRules.Underscores.ALLOW;
                },
                edits(headers.get("earlyRequestHeaders")),
                edits(headers.get("lateResponseHeaders")),
                requestId(headers),
                headers.at("host.stripTrailingHostDot").flag(false),
                maxBytes(headers.get("maxRequestHeaderLimit"), base.maxBytes()),
                forwardedCert(headers.get("xForwardedClientCert")),
                headers.get("disableRateLimitHeaders").flag(false),
                headers.get("enableEnvoyHeaders").flag(false));
    }

    private int maxBytes(Field limit, int otherwise) {
        long bytes = ClientTraffic.quantity(limit, otherwise);
        if (bytes >= 1024) {
            return (int) Math.min(bytes, Integer.MAX_VALUE);
        }
        problems.add(Problem.at(
                limit.origin(),
                ProblemCode.INVALID_VALUE,
                Severity.ERROR,
                "MaxRequestHeaderLimit value " + limit.text("") + " must be at least 1Ki",
                "Write 1Ki or more."));
        return otherwise;
    }

    private static ClientRules.RequestId requestId(Field headers) {
        String otherwise = headers.get("preserveXRequestID").flag(true) ? "PreserveOrGenerate" : "Generate";
        return switch (headers.get("requestID").text(otherwise)) {
            case "Preserve" -> ClientRules.RequestId.PRESERVE;
            case "Generate" -> ClientRules.RequestId.GENERATE;
            case "Disable" -> ClientRules.RequestId.DISABLE;
            default -> ClientRules.RequestId.PRESERVE_OR_GENERATE;
        };
    }

    private static ClientRules.ForwardedCert forwardedCert(Field forwarded) {
        return new ClientRules.ForwardedCert(
                switch (forwarded.get("mode").text("Sanitize")) {
                    case "ForwardOnly" -> ClientRules.ForwardedCert.Mode.FORWARD_ONLY;
                    case "AppendForward" -> ClientRules.ForwardedCert.Mode.APPEND_FORWARD;
                    case "SanitizeSet" -> ClientRules.ForwardedCert.Mode.SANITIZE_SET;
                    case "AlwaysForwardOnly" -> ClientRules.ForwardedCert.Mode.ALWAYS_FORWARD_ONLY;
                    default -> ClientRules.ForwardedCert.Mode.SANITIZE;
                },
                forwarded.get("certDetailsToAdd").items().stream()
                        .map(d -> d.text(""))
                        .toList());
    }

    private HeaderEdits edits(Field edits) {
        if (!edits.present()) {
            return HeaderEdits.NONE;
        }
        return new HeaderEdits(
                new Route.HeaderMutation(
                        list(edits.get("set")),
                        list(edits.get("add")),
                        edits.get("remove").items().stream()
                                .map(n -> n.text(""))
                                .toList()),
                list(edits.get("addIfAbsent")),
                matches(edits.get("removeOnMatch")).stream()
                        .map(m -> m.kind() == TextMatch.Kind.REGEX
                                ? m
                                : new TextMatch(m.kind(), m.value().toLowerCase(Locale.ROOT)))
                        .toList());
    }

    private static List<Route.Header> list(Field headers) {
        return headers.items().stream()
                .map(h ->
                        new Route.Header(h.get("name").text(""), h.get("value").text("")))
                .toList();
    }

    private static ClientRules.EscapedSlashes slashes(String action) {
        return switch (action) {
            case "RejectRequest" -> ClientRules.EscapedSlashes.REJECT;
            case "UnescapeAndForward" -> ClientRules.EscapedSlashes.UNESCAPE_AND_FORWARD;
            case "UnescapeAndRedirect" -> ClientRules.EscapedSlashes.UNESCAPE_AND_REDIRECT;
            default -> ClientRules.EscapedSlashes.KEEP;
        };
    }

    private ClientRules.Http1 http1(Field http1, Optional<String> hostname) {
        Field defaultHost = http1.at("http10.useDefaultHost");
        Optional<String> host = hostname.filter(h -> !h.startsWith("*."));
        if (defaultHost.flag(false) && host.isEmpty()) {
            problems.add(Problem.at(
                    defaultHost.origin(),
                    ProblemCode.INVALID_VALUE,
                    Severity.ERROR,
                    "cannot set http10 default host on listener with only wildcard hostnames",
                    "Give the listener a hostname, or remove useDefaultHost."));
        }
        return new ClientRules.Http1(
                http1.get("enableTrailers").flag(true),
                defaultHost.flag(false) ? host.orElse("") : "",
                !http1.get("disableSafeMaxConnectionDuration").flag(false),
                matches(http1.get("ignoredUpgradeTypes")));
    }

    private static ClientRules.Http2 http2(Field http2) {
        ClientRules.Http2 base = ClientRules.Http2.DEFAULT;
        Field keepalive = http2.get("connectionKeepalive");
        return new ClientRules.Http2(
                Durations.of(keepalive.get("interval"), Duration.ZERO),
                Durations.of(keepalive.get("idleInterval"), Duration.ZERO),
                (int) keepalive.get("intervalJitter").number(base.jitterPercent()),
                Durations.of(keepalive.get("timeout"), base.pingTimeout()),
                http2.get("onInvalidMessage").text("").equals("TerminateConnection"));
    }

    /** An expression that cannot be read matches nothing, and is said. */
    List<TextMatch> matches(Field list) {
        List<TextMatch> out = new ArrayList<>();
        for (Field item : list.items()) {
            match(item).ifPresent(out::add);
        }
        return out;
    }

    Optional<TextMatch> match(Field item) {
        String value = item.get("value").text("");
        TextMatch.Kind kind = switch (item.get("type").text("Exact")) {
            case "Prefix" -> TextMatch.Kind.PREFIX;
            case "Suffix" -> TextMatch.Kind.SUFFIX;
            case "RegularExpression" -> TextMatch.Kind.REGEX;
            default -> TextMatch.Kind.EXACT;
        };
        if (kind == TextMatch.Kind.REGEX) {
            try {
                Pattern.compile(value);
            } catch (PatternSyntaxException e) {
                problems.add(Problem.at(
                        item.origin(),
                        ProblemCode.INVALID_VALUE,
                        Severity.ERROR,
                        "\"" + value + "\" is not a regular expression: " + e.getDescription(),
                        "Mend the expression."));
                return Optional.empty();
            }
        }
        return Optional.of(new TextMatch(kind, value));
    }
}
