package dev.holdfast.xds.resource;

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
import io.envoyproxy.envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthz;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.HttpService;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;

/** What Envoy 1.40's definitions have and those of our jar (of Envoy 1.34) have not yet: a few fields and a message. */
final class Additions {
    private static final Descriptor API_KEYS = apiKeys();
    private static final Descriptor RATE_LIMIT = rateLimit();
    private static final Descriptor EXT_AUTH = extAuth();
    private static final Descriptor LOCAL_REPLY = localReply();

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
        DynamicMessage.Builder out = read(EXT_AUTH, auth.toByteString());
        FieldDescriptor at = EXT_AUTH.findFieldByName("http_service");
        DynamicMessage service = (DynamicMessage) out.getField(at);
        return out.setField(
                        at,
                        service.toBuilder()
                                .setField(at.getMessageType().findFieldByName("path_override"), path)
                                .build())
                .build();
    }

    /** The input of a matcher that is {@code true} for Envoy's own answers. */
    static Message localReplyInput() {
        return DynamicMessage.getDefaultInstance(LOCAL_REPLY);
    }

    /** In place of the jar's own messages of these names. */
    static Message[] kinds() {
        return new Message[] {
            DynamicMessage.getDefaultInstance(API_KEYS),
            DynamicMessage.getDefaultInstance(RATE_LIMIT),
            DynamicMessage.getDefaultInstance(EXT_AUTH),
            DynamicMessage.getDefaultInstance(LOCAL_REPLY)
        };
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

    private static Descriptor rateLimit() {
        Descriptor known = LocalRateLimit.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        file.getMessageTypeBuilder(known.getIndex()).addField(field("enable_retry_after_header", 19, Type.TYPE_BOOL));
        return built(file, known);
    }

    private static Descriptor extAuth() {
        Descriptor known = ExtAuthz.getDescriptor();
        FileDescriptorProto.Builder file = known.getFile().toProto().toBuilder();
        file.getMessageTypeBuilder(HttpService.getDescriptor().getIndex())
                .addField(field("path_override", 10, Type.TYPE_STRING));
        return built(file, known);
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
