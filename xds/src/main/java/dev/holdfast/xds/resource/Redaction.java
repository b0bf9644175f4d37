package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Resources as people may see them: keys, passwords, tokens' keys and injected credentials are {@code [redacted]}. */
final class Redaction {
    private static final String REDACTED = "[redacted]";

    private static final Set<String> SECRET = Set.of(
            "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.private_key",
            "envoy.extensions.transport_sockets.tls.v3.GenericSecret.secret",
            "envoy.extensions.filters.http.oauth2.v3.OAuth2Credentials.client_id",
            "envoy.extensions.filters.http.ext_authz.v3.CheckSettings.ContextExtensionsEntry.value",
            "envoy.extensions.filters.http.basic_auth.v3.BasicAuth.users",
            "envoy.extensions.filters.http.api_key_auth.v3.Credential.key",
            "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.local_jwks");

    /** A value of these is secret where it is one of {@link #values}. */
    private static final String HEADER = "envoy.config.core.v3.HeaderValue.value";

    private final Set<String> values = new HashSet<>();

    Redaction(Plan plan) {
        plan.listeners().stream()
                .flatMap(l -> l.virtualHosts().stream())
                .flatMap(h -> h.routes().stream())
                .flatMap(r -> r.httpFilters().stream())
                .filter(TrafficFilter.CredentialInjection.class::isInstance)
                .map(f -> ((TrafficFilter.CredentialInjection) f).value().reveal())
                .forEach(v -> values.add(Headers.literal(v)));
        plan.listeners().stream()
                .flatMap(l -> l.telemetry().collectors())
                .flatMap(c -> c.headers().values().stream())
                .forEach(v -> values.add(v.reveal()));
    }

    Message of(Message message) {
        if (Kinds.isAny(message)) {
            return Any.pack(of(Kinds.unpacked(Kinds.any(message))));
        }
        Message.Builder out = message.toBuilder();
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            FieldDescriptor field = entry.getKey();
            if (field.isRepeated()) {
                List<?> all = (List<?>) entry.getValue();
                for (int i = 0; i < all.size(); i++) {
                    out.setRepeatedField(field, i, value(field, all.get(i)));
                }
            } else {
                out.setField(field, value(field, entry.getValue()));
            }
        }
        return out.build();
    }

    private Object value(FieldDescriptor field, Object value) {
        boolean secret = SECRET.contains(field.getFullName());
        return switch (value) {
            // Of a message that the jar has in an older form, what is in it is of no class of its own.
            case Message source
            when secret && source.getDescriptorForType().equals(DataSource.getDescriptor()) ->
                DataSource.newBuilder().setInlineString(REDACTED).build();
            case Message message -> of(message);
            case String text when secret || (field.getFullName().equals(HEADER) && values.contains(text)) -> REDACTED;
            default -> value;
        };
    }
}
