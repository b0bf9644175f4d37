package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.SecurityFilter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Asks another server, over HTTP or gRPC, whether a request may pass; what it says is done. */
final class ExtAuthFilter implements Filter {
    private final SecurityFilter.ExtAuth auth;
    private final AuthQuestion question;
    private final Calls calls;
    private Calls.@Nullable Call call;
    private List<Map.Entry<String, String>> toClient = List.of();

    private ExtAuthFilter(SecurityFilter.ExtAuth auth, AuthQuestion question, Calls calls) {
        this.auth = auth;
        this.question = question;
        this.calls = calls;
    }

    static FilterFactory factory(SecurityFilter.ExtAuth auth, Calls calls) {
        AuthQuestion question = switch (auth.server()) {
            case SecurityFilter.AuthServer.Http http -> new HttpQuestion(auth, http);
            case SecurityFilter.AuthServer.Grpc grpc -> new GrpcQuestion(auth, grpc);
        };
        return () -> new ExtAuthFilter(auth, question, calls);
    }

    @Override
    public Step request(FilterRequest request) {
        if (auth.bodyLimit() == 0 || request.head().upgrade() != null) {
            ask(request, Unpooled.EMPTY_BUFFER);
        } else {
            request.body(auth.bodyLimit(), (body, whole) -> {
                if (whole) {
                    ask(request, body);
                } else {
                    // Later, for this may be told while we are still asked.
                    request.loop().execute(() -> request.answer(LocalReply.of(ProxyFailure.REQUEST_TOO_LARGE)));
                }
            });
        }
        return Step.STOP;
    }

    private void ask(FilterRequest request, ByteBuf body) {
        AuthQuestion.Asked asked = question.of(request, body);
        call = calls.send(
                request.loop(),
                auth.server().cluster(),
                asked.head(),
                asked.body(),
                auth.timeout(),
                AuthQuestion.MOST,
                answer -> request.loop().execute(() -> answered(request, answer)));
    }

    private void answered(FilterRequest request, Calls.Answer answer) {
        call = null;
        switch (question.verdict(request, answer)) {
            case AuthQuestion.Verdict.Allowed(List<Map.Entry<String, String>> headers) -> {
                toClient = headers;
                if (auth.recomputeRoute()) {
                    request.reroute();
                }
                request.resume();
            }
            case AuthQuestion.Verdict.Denied(int status, HttpHeaders headers, byte[] body) -> {
                headers.set("x-holdfast-reason", ProxyFailure.EXT_AUTH_DENIED.reason());
                request.answer(new LocalReply(status, ProxyFailure.EXT_AUTH_DENIED.reason(), headers, body));
            }
            case AuthQuestion.Verdict.Failed() -> {
                if (auth.failOpen()) {
                    request.resume();
                    return;
                }
                LocalReply said = LocalReply.of(ProxyFailure.EXT_AUTH_FAILED);
                request.answer(new LocalReply(auth.statusOnError(), said.reason(), said.headers(), said.body()));
            }
        }
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        toClient.forEach(h -> head.headers().add(h.getKey(), h.getValue()));
        return null;
    }

    @Override
    public void ended() {
        Calls.Call asked = call;
        if (asked != null) {
            call = null;
            asked.cancel();
        }
    }
}
