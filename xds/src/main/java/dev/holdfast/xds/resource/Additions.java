package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import io.envoyproxy.envoy.config.cluster.v3.LoadBalancingPolicy;
import io.envoyproxy.envoy.config.common.mutation_rules.v3.HeaderMutation;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.route.v3.RateLimit;
import io.envoyproxy.envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth;
import io.envoyproxy.envoy.extensions.filters.http.composite.v3.ExecuteFilterAction;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.CheckSettings;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthz;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.HttpService;
import io.envoyproxy.envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.extensions.filters.http.lua.v3.LuaPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2Config;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.geoip_providers.maxmind.v3.MaxMindConfig;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What Envoy 1.40's definitions have and those of our jar (of Envoy 1.34) have not yet: a few fields and a message. */
final class Additions {
    private static final Descriptor API_KEYS = apiKeys();
    private static final Descriptor RATE_LIMIT = grown(
            LocalRateLimit.getDescriptor(),
            LocalRateLimit.getDescriptor(),
            field("enable_retry_after_header", 19, Type.TYPE_BOOL));
    private static final Descriptor EXT_AUTH = extAuth();
    private static final Descriptor LOCAL_REPLY = localReply();
    private static final Descriptor TLS_INSPECTOR = grown(
            TlsInspector.getDescriptor(),
            BoolValue.getDescriptor(),
            field("enable_ja4_fingerprinting", 3, Type.TYPE_MESSAGE).setTypeName(".google.protobuf.BoolValue"));
    private static final Map<String, FileDescriptor> MUTATION_RULES = mutationRules();
    private static final Descriptor EARLY = above(
            io.envoyproxy.envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation.getDescriptor(),
            MUTATION_RULES);
    private static final Descriptor LATE = above(HeaderMutationPerRoute.getDescriptor(), MUTATION_RULES);
    private static final Descriptor OVERRIDE_HOST = overrideHost();
    private static final Descriptor FILTER_ACTION = filterAction();
    private static final Descriptor COUNTED = grown(
            io.envoyproxy.envoy.extensions.filters.http.ratelimit.v3.RateLimit.getDescriptor(),
            RateLimit.getDescriptor(),
            field("rate_limits", 17, Type.TYPE_MESSAGE)
                    .setTypeName("." + RateLimit.getDescriptor().getFullName())
                    .setLabel(FieldDescriptorProto.Label.LABEL_REPEATED),
            field("enable_retry_after_header", 19, Type.TYPE_BOOL));
    private static final Descriptor LUA = grown(
            LuaPerRoute.getDescriptor(),
            Struct.getDescriptor(),
            field("filter_context", 4, Type.TYPE_MESSAGE).setTypeName(".google.protobuf.Struct"));
    private static final Descriptor EXT_PROC = grown(
            ExternalProcessor.getDescriptor(),
            HttpStatus.getDescriptor(),
            field("status_on_error", 24, Type.TYPE_MESSAGE).setTypeName(".envoy.type.v3.HttpStatus"));

    private static final FileDescriptor OAUTH2 = oauth2();
    private static final Descriptor MAX_MIND = grown(
            MaxMindConfig.getDescriptor(),
            MaxMindConfig.getDescriptor(),
            field("country_db_path", 6, Type.TYPE_STRING));

    private Additions() {}

    /**
     * @param header tells the backend the client's name, empty for none
     * @param hide whether the backend is not to see the key
     */
    static Message forwarding(ApiKeyAuth keys, String header, boolean hide) {
        Descriptor forwarding = API_KEYS.getFile().findMessageTypeByName("Forwarding");
        DynamicMessage.Builder value = DynamicMessage.newBuilder(forwarding);
        if (!header.isEmpty()) {
            value.setField(forwarding.findFieldByName("header"), header);
        }
        value.setField(forwarding.findFieldByName("hide_credentials"), hide);
        return read(API_KEYS, keys.toByteString())
                .setField(API_KEYS.findFieldByName("forwarding"), value.build())
                .build();
    }

    /** With {@code retry-after} in the answers that refuse. */
    static Message retryAfter(LocalRateLimit limit) {
        return read(RATE_LIMIT, limit.toByteString())
                .setField(RATE_LIMIT.findFieldByName("enable_retry_after_header"), true)
                .build();
    }

    /** A path in place of the request's own for a server that is asked over HTTP. */
    static Message pathOverride(ExtAuthz auth, String path) {
        return within(EXT_AUTH, auth, "http_service", "path_override", path);
    }

    /** Settings of a route with a server of its own. */
    static Message asking(ExtAuthzPerRoute route, GrpcService server) {
        Descriptor of = EXT_AUTH.getFile().findMessageTypeByName("ExtAuthzPerRoute");
        return within(of, route, "check_settings", "grpc_service", server);
    }

    /** The input of a matcher that is {@code true} for Envoy's own answers. */
    static Message localReplyInput() {
        return DynamicMessage.getDefaultInstance(LOCAL_REPLY);
    }

    /** Which fingerprints are taken is the same for every listener, so that asking for one replaces none. */
    static Message fingerprints(TlsInspector inspector) {
        return read(TLS_INSPECTOR, inspector.toByteString())
                .setField(TLS_INSPECTOR.findFieldByName("enable_ja4_fingerprinting"), BoolValue.of(true))
                .build();
    }

    /** With {@code remove_on_match} known. */
    static Message early(Message mutation) {
        return read(EARLY, mutation.toByteString()).build();
    }

    /** Likewise. */
    static Message late(Message mutation) {
        return read(LATE, mutation.toByteString()).build();
    }

    /** Several filters in the place of one. */
    static Message filterChain(List<TypedExtensionConfig> filters) {
        Descriptor chain = FILTER_ACTION.getFile().findMessageTypeByName("FilterChainConfiguration");
        DynamicMessage.Builder all = DynamicMessage.newBuilder(chain);
        filters.forEach(f -> all.addRepeatedField(chain.findFieldByName("typed_config"), f));
        return DynamicMessage.newBuilder(FILTER_ACTION)
                .setField(FILTER_ACTION.findFieldByName("filter_chain"), all.build())
                .build();
    }

    /** A filter that brings its descriptors along, and {@code retry-after} in the answers that refuse. */
    static Message counted(
            io.envoyproxy.envoy.extensions.filters.http.ratelimit.v3.RateLimit filter, List<RateLimit> limits) {
        DynamicMessage.Builder out = read(COUNTED, filter.toByteString());
        limits.forEach(l -> out.addRepeatedField(COUNTED.findFieldByName("rate_limits"), l));
        return out.setField(COUNTED.findFieldByName("enable_retry_after_header"), true)
                .build();
    }

    /** Code with what it may ask for. */
    static Message lua(LuaPerRoute lua, Optional<Struct> context) {
        DynamicMessage.Builder out = read(LUA, lua.toByteString());
        context.ifPresent(c -> out.setField(LUA.findFieldByName("filter_context"), c));
        return out.build();
    }

    /** @param status 0 for Envoy's own */
    static Message statusOnError(ExternalProcessor processor, int status) {
        DynamicMessage.Builder out = read(EXT_PROC, processor.toByteString());
        if (status > 0) {
            out.setField(
                    EXT_PROC.findFieldByName("status_on_error"),
                    HttpStatus.newBuilder().setCodeValue(status).build());
        }
        return out.build();
    }

    /** An endpoint named by a header, in {@code address:port} form; another by {@code otherwise} where none is. */
    static Message overrideHost(List<String> headers, LoadBalancingPolicy otherwise) {
        Descriptor source = OVERRIDE_HOST.findNestedTypeByName("OverrideHostSource");
        DynamicMessage.Builder out = DynamicMessage.newBuilder(OVERRIDE_HOST);
        headers.forEach(h -> out.addRepeatedField(
                OVERRIDE_HOST.findFieldByName("override_host_sources"),
                DynamicMessage.newBuilder(source)
                        .setField(source.findFieldByName("header"), h)
                        .build()));
        return out.setField(OVERRIDE_HOST.findFieldByName("fallback_policy"), otherwise)
                .build();
    }

    /**
     * For a route.
     *
     * @param endSession where the provider ends its own session, empty for nowhere
     * @param begun for how long a sign-on may take
     * @param idTokenHeader tells the backend the ID token, empty for none
     */
    static Message oauth2(OAuth2Config config, String endSession, java.time.Duration begun, String idTokenHeader) {
        Descriptor of = OAUTH2.findMessageTypeByName("OAuth2Config");
        DynamicMessage.Builder out = read(of, config.toByteString())
                .setField(of.findFieldByName("end_session_endpoint"), endSession)
                .setField(of.findFieldByName("csrf_token_expires_in"), Proto.duration(begun))
                .setField(of.findFieldByName("code_verifier_token_expires_in"), Proto.duration(begun));
        if (!idTokenHeader.isEmpty()) {
            Descriptor forwarding = OAUTH2.findMessageTypeByName("OAuth2TokenForwarding");
            out.setField(
                    of.findFieldByName("forward_id_token"),
                    DynamicMessage.newBuilder(forwarding)
                            .setField(forwarding.findFieldByName("header"), idTokenHeader)
                            .build());
        }
        Descriptor route = OAUTH2.findMessageTypeByName("OAuth2PerRoute");
        return DynamicMessage.newBuilder(route)
                .setField(route.findFieldByName("config"), out.build())
                .build();
    }

    /** With a database that knows countries alone, empty for none. */
    static Message countries(MaxMindConfig files, String path) {
        return read(MAX_MIND, files.toByteString())
                .setField(MAX_MIND.findFieldByName("country_db_path"), path)
                .build();
    }

    /** In place of the jar's own messages of these names. */
    static Message[] kinds() {
        return new Message[] {
            DynamicMessage.getDefaultInstance(TLS_INSPECTOR),
            DynamicMessage.getDefaultInstance(EARLY),
            DynamicMessage.getDefaultInstance(LATE),
            DynamicMessage.getDefaultInstance(OVERRIDE_HOST),
            DynamicMessage.getDefaultInstance(FILTER_ACTION),
            DynamicMessage.getDefaultInstance(LUA),
            DynamicMessage.getDefaultInstance(MAX_MIND),
            DynamicMessage.getDefaultInstance(COUNTED),
            DynamicMessage.getDefaultInstance(EXT_PROC),
            DynamicMessage.getDefaultInstance(API_KEYS),
            DynamicMessage.getDefaultInstance(RATE_LIMIT),
            DynamicMessage.getDefaultInstance(EXT_AUTH),
            DynamicMessage.getDefaultInstance(EXT_AUTH.getFile().findMessageTypeByName("ExtAuthzPerRoute")),
            DynamicMessage.getDefaultInstance(LOCAL_REPLY),
            DynamicMessage.getDefaultInstance(OAUTH2.findMessageTypeByName("OAuth2")),
            DynamicMessage.getDefaultInstance(OAUTH2.findMessageTypeByName("OAuth2PerRoute"))
        };
    }

    /** With a field more in what its field {@code at} holds. */
    private static Message within(Descriptor of, Message message, String at, String name, Object value) {
        DynamicMessage.Builder out = read(of, message.toByteString());
        FieldDescriptor field = of.findFieldByName(at);
        Message.Builder inner = ((Message) out.getField(field)).toBuilder();
        inner.setField(field.getMessageType().findFieldByName(name), value);
        return out.setField(field, inner.build()).build();
    }

    private static DynamicMessage.Builder read(Descriptor as, ByteString bytes) {
        try {
            return DynamicMessage.newBuilder(as).mergeFrom(bytes);
        } catch (InvalidProtocolBufferException ours) {
            throw new IllegalStateException(ours);
        }
    }

    private static Descriptor apiKeys() {
        Descriptor known = ApiKeyAuth.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        file.addMessageType(DescriptorProto.newBuilder()
                .setName("Forwarding")
                .addField(field("header", 1, Type.TYPE_STRING))
                .addField(field("hide_credentials", 2, Type.TYPE_BOOL)));
        file.getMessageTypeBuilder(known.getIndex())
                .addField(field("forwarding", 3, Type.TYPE_MESSAGE)
                        .setTypeName("." + known.getFile().getPackage() + ".Forwarding"));
        return built(file, known);
    }

    private static Descriptor extAuth() {
        Descriptor known = ExtAuthz.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        file.getMessageTypeBuilder(HttpService.getDescriptor().getIndex())
                .addField(field("path_override", 10, Type.TYPE_STRING));
        file.getMessageTypeBuilder(CheckSettings.getDescriptor().getIndex())
                .addField(field("grpc_service", 4, Type.TYPE_MESSAGE)
                        .setTypeName("." + GrpcService.getDescriptor().getFullName()));
        return built(file, known);
    }

    private static FileDescriptor oauth2() {
        FileDescriptor known = OAuth2Config.getDescriptor().getFile();
        String in = "." + known.getPackage() + ".";
        FileDescriptorProto.Builder file = known.toProto().toBuilder();
        file.getMessageTypeBuilder(OAuth2Config.getDescriptor().getIndex())
                .addField(field("end_session_endpoint", 23, Type.TYPE_STRING))
                .addField(
                        field("csrf_token_expires_in", 24, Type.TYPE_MESSAGE).setTypeName(".google.protobuf.Duration"))
                .addField(field("code_verifier_token_expires_in", 25, Type.TYPE_MESSAGE)
                        .setTypeName(".google.protobuf.Duration"))
                .addField(field("forward_id_token", 31, Type.TYPE_MESSAGE).setTypeName(in + "OAuth2TokenForwarding"));
        file.addMessageType(DescriptorProto.newBuilder()
                .setName("OAuth2TokenForwarding")
                .addField(field("header", 1, Type.TYPE_STRING)));
        file.addMessageType(DescriptorProto.newBuilder()
                .setName("OAuth2PerRoute")
                .addField(field("config", 1, Type.TYPE_MESSAGE).setTypeName(in + "OAuth2Config")));
        return built(file, "OAuth2PerRoute", known.getDependencies().toArray(new FileDescriptor[0]))
                .getFile();
    }

    private static Descriptor localReply() {
        return built(
                FileDescriptorProto.newBuilder()
                        .setName("envoy/type/matcher/v3/local_reply_input.proto")
                        .setPackage("envoy.type.matcher.v3")
                        .setSyntax("proto3")
                        .addMessageType(DescriptorProto.newBuilder().setName("HttpResponseLocalReplyMatchInput")),
                "HttpResponseLocalReplyMatchInput",
                new FileDescriptor[0]);
    }

    private static Map<String, FileDescriptor> mutationRules() {
        Descriptor known = HeaderMutation.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        String name = "." + known.getFullName();
        file.addDependency(StringMatcher.getDescriptor().getFile().getName())
                .getMessageTypeBuilder(known.getIndex())
                .addNestedType(DescriptorProto.newBuilder()
                        .setName("RemoveOnMatch")
                        .addField(field("key_matcher", 1, Type.TYPE_MESSAGE)
                                .setTypeName("." + StringMatcher.getDescriptor().getFullName())))
                .addField(field("remove_on_match", 3, Type.TYPE_MESSAGE)
                        .setTypeName(name + ".RemoveOnMatch")
                        .setOneofIndex(0));
        List<FileDescriptor> dependencies = new ArrayList<>(known.getFile().getDependencies());
        dependencies.add(StringMatcher.getDescriptor().getFile());
        return Map.of(
                known.getFile().getName(),
                built(file, known.getName(), dependencies.toArray(new FileDescriptor[0]))
                        .getFile());
    }

    /** A message that holds others whose definitions are {@code newer}. */
    private static Descriptor above(Descriptor known, Map<String, FileDescriptor> newer) {
        return built(
                known.getFile().toProto().toBuilder(),
                known.getName(),
                known.getFile().getDependencies().stream()
                        .map(d -> newer.getOrDefault(d.getName(), d))
                        .toArray(FileDescriptor[]::new));
    }

    private static Descriptor filterAction() {
        Descriptor known = ExecuteFilterAction.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        file.addMessageType(DescriptorProto.newBuilder()
                .setName("FilterChainConfiguration")
                .addField(field("typed_config", 1, Type.TYPE_MESSAGE)
                        .setTypeName("." + TypedExtensionConfig.getDescriptor().getFullName())
                        .setLabel(FieldDescriptorProto.Label.LABEL_REPEATED)));
        file.getMessageTypeBuilder(known.getIndex())
                .addField(field("filter_chain", 4, Type.TYPE_MESSAGE)
                        .setTypeName("." + known.getFile().getPackage() + ".FilterChainConfiguration"));
        return built(file, known);
    }

    /** A message with fields more, of which some may be of another's type. */
    private static Descriptor grown(Descriptor known, Descriptor of, FieldDescriptorProto.Builder... fields) {
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        for (FieldDescriptorProto.Builder field : fields) {
            file.getMessageTypeBuilder(known.getIndex()).addField(field);
        }
        List<FileDescriptor> dependencies = new ArrayList<>(known.getFile().getDependencies());
        if (!of.getFile().equals(known.getFile()) && !dependencies.contains(of.getFile())) {
            file.addDependency(of.getFile().getName());
            dependencies.add(of.getFile());
        }
        return built(file, known.getName(), dependencies.toArray(new FileDescriptor[0]));
    }

    private static Descriptor overrideHost() {
        FileDescriptor cluster = LoadBalancingPolicy.getDescriptor().getFile();
        String name = "OverrideHost";
        String in = "envoy.extensions.load_balancing_policies.override_host.v3";
        FileDescriptorProto.Builder file = FileDescriptorProto.newBuilder()
                .setName("envoy/extensions/load_balancing_policies/override_host/v3/override_host.proto")
                .setPackage(in)
                .setSyntax("proto3")
                .addDependency(cluster.getName());
        file.addMessageType(DescriptorProto.newBuilder()
                .setName(name)
                .addNestedType(DescriptorProto.newBuilder()
                        .setName("OverrideHostSource")
                        .addField(field("header", 1, Type.TYPE_STRING)))
                .addField(field("override_host_sources", 1, Type.TYPE_MESSAGE)
                        .setTypeName("." + in + "." + name + ".OverrideHostSource")
                        .setLabel(FieldDescriptorProto.Label.LABEL_REPEATED))
                .addField(field("fallback_policy", 3, Type.TYPE_MESSAGE)
                        .setTypeName("." + LoadBalancingPolicy.getDescriptor().getFullName())));
        return built(file, name, new FileDescriptor[] {cluster});
    }

    private static FieldDescriptorProto.Builder field(String name, int number, Type type) {
        return FieldDescriptorProto.newBuilder()
                .setName(name)
                .setNumber(number)
                .setType(type)
                .setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL);
    }

    private static Descriptor built(FileDescriptorProto.Builder file, Descriptor known) {
        return built(file, known.getName(), known.getFile().getDependencies().toArray(new FileDescriptor[0]));
    }

    private static Descriptor built(FileDescriptorProto.Builder file, String name, FileDescriptor[] dependencies) {
        try {
            return FileDescriptor.buildFrom(file.build(), dependencies).findMessageTypeByName(name);
        } catch (DescriptorValidationException ours) {
            throw new IllegalStateException(ours);
        }
    }
}
