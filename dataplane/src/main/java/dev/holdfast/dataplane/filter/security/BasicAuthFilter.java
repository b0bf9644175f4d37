package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** User and password of the Authorization header (RFC 7617). bcrypt is worked out away from the loop. */
final class BasicAuthFilter implements Filter {
    private static final String SCHEME = "Basic ";
    /** Characters of the header that are looked at. */
    private static final int MOST = 4_096;

    private final SecurityFilter.BasicAuth auth;
    private final Htpasswd users;
    private @Nullable Future<?> working;

    private BasicAuthFilter(SecurityFilter.BasicAuth auth, Htpasswd users) {
        this.auth = auth;
        this.users = users;
    }

    static FilterFactory factory(SecurityFilter.BasicAuth auth) {
        Htpasswd users = new Htpasswd(auth.users());
        return () -> new BasicAuthFilter(auth, users);
    }

    @Override
    public Step request(FilterRequest request) {
        if (!auth.forwardHeader().isEmpty()) {
            request.head().headers().remove(auth.forwardHeader());
        }
        String header = request.head().headers().get(HttpHeaderNames.AUTHORIZATION, "");
        if (!header.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            return refuse(request, ProxyFailure.CREDENTIALS_MISSING);
        }
        String pair = decode(header.substring(SCHEME.length()).strip());
        int colon = pair.indexOf(':');
        if (colon < 0) {
            return refuse(request, ProxyFailure.CREDENTIALS_WRONG);
        }
        String user = pair.substring(0, colon);
        String password = pair.substring(colon + 1);
        if (users.remembers(user, password)) {
            return pass(request, user);
        }
        if (!users.slow()) {
            return users.check(user, password) ? pass(request, user) : refuse(request, ProxyFailure.CREDENTIALS_WRONG);
        }
        working = SlowWork.submit(() -> {
            boolean right = users.check(user, password);
            request.loop().execute(() -> checked(request, user, right));
        });
        return working == null ? refuse(request, ProxyFailure.OVERLOADED) : Step.STOP;
    }

    private void checked(FilterRequest request, String user, boolean right) {
        if (right) {
            pass(request, user);
            request.resume();
        } else {
            refuse(request, ProxyFailure.CREDENTIALS_WRONG);
        }
    }

    private Step pass(FilterRequest request, String user) {
        if (!auth.forwardHeader().isEmpty()) {
            request.head().headers().set(auth.forwardHeader(), user);
        }
        request.identify(new Identity(user, Map.of(), Optional.empty()));
        return Step.CONTINUE;
    }

    private static Step refuse(FilterRequest request, ProxyFailure failure) {
        LocalReply reply = LocalReply.of(failure);
        if (failure.status() == 401) {
            reply.headers().set(HttpHeaderNames.WWW_AUTHENTICATE, "Basic realm=\"restricted\", charset=\"UTF-8\"");
        }
        request.answer(reply);
        return Step.STOP;
    }

    /** Without a colon where it is no Base64. */
    private static String decode(String base64) {
        try {
            return base64.length() > MOST ? "" : new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notBase64) {
            return "";
        }
    }

    @Override
    public void ended() {
        Future<?> work = working;
        if (work != null) {
            work.cancel(false);
        }
    }
}
