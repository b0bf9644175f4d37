package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HeaderEdits;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a listener does to a request before any route sees it; the head's headers are changed in place. */
final class Entrance {
    private Entrance() {}

    /** What becomes of a request. */
    sealed interface Verdict {
        /** It goes on, as {@code head}; {@code target} is what is matched and sent, {@code connection} says whose it is. */
        record Enter(RequestHead head, String target, Downstream.Connection connection) implements Verdict {}

        record Refuse(ProxyFailure failure) implements Verdict {}

        record Answer(LocalReply reply) implements Verdict {}
    }

    static Verdict of(ClientRules rules, RequestHead head, Downstream.Connection connection, boolean shuttingDown) {
        HttpHeaders headers = head.headers();
        if (rules == ClientRules.DEFAULT) {
            headers.remove(ForwardedCerts.NAME);
            return new Verdict.Enter(head, Paths.normalise(head.target(), true), connection);
        }
        if (!rules.healthCheckPath().isEmpty() && path(head.target()).equals(rules.healthCheckPath())) {
            return new Verdict.Answer(LocalReply.text(shuttingDown ? 503 : 200, "health_check", ""));
        }
        if (!underscores(rules.headers().underscores(), headers)) {
            return new Verdict.Refuse(ProxyFailure.BAD_REQUEST);
        }
        ForwardedCerts.apply(rules.headers().forwardedCert(), headers, connection.clientCertificate());
        Downstream.Connection whose = ClientAddresses.resolve(rules.address(), headers, connection);
        if (whose == null) {
            return new Verdict.Refuse(ProxyFailure.CLIENT_ADDRESS_UNKNOWN);
        }
        String unescaped = head.target();
        if (Paths.hasEscapedSlash(unescaped)) {
            switch (rules.paths().escapedSlashes()) {
                case KEEP -> {}
                case REJECT -> {
                    return new Verdict.Refuse(ProxyFailure.BAD_REQUEST);
                }
                case UNESCAPE_AND_FORWARD -> unescaped = Paths.unescapeSlashes(unescaped);
                case UNESCAPE_AND_REDIRECT -> {
                    return new Verdict.Answer(redirect(Paths.normalise(
                            Paths.unescapeSlashes(unescaped), rules.paths().mergeSlashes())));
                }
            }
        }
        HeaderEdits early = rules.headers().early();
        HeaderRules.apply(
                rules.fingerprints().isEmpty() ? early : HeaderRules.filled(early, connection.fingerprints()), headers);
        boolean dot = rules.headers().stripTrailingDot();
        return new Verdict.Enter(
                dot ? head.at(Paths.withoutDot(head.authority())) : head,
                Paths.normalise(unescaped, rules.paths().mergeSlashes()),
                whose);
    }

    private static String path(String target) {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    /** 307, so that the method stays (RFC 9110 §15.4.8). */
    private static LocalReply redirect(String target) {
        LocalReply reply = LocalReply.text(307, "redirect", "");
        reply.headers().set(HttpHeaderNames.LOCATION, target);
        return reply;
    }

    /** False where the request is to be refused. */
    private static boolean underscores(ClientRules.Underscores action, HttpHeaders headers) {
        if (action == ClientRules.Underscores.ALLOW) {
            return true;
        }
        @Nullable List<String> found = null;
        for (String name : headers.names()) {
            if (name.indexOf('_') >= 0) {
                found = found == null ? new ArrayList<>() : found;
                found.add(name);
            }
        }
        if (found == null) {
            return true;
        }
        HeaderForms.removeAll(headers, found);
        return action == ClientRules.Underscores.DROP;
    }
}
