package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos;
import com.google.protobuf.Descriptors;
import com.google.protobuf.Duration;
import com.google.protobuf.ExtensionRegistry;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import io.envoyproxy.pgv.validate.Validate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The protobuf-validate rules that Envoy's definitions carry, as far as our messages meet them: required fields and oneofs,
 * lengths, patterns, counts and bounds. The jar has the rules and no validators.
 */
final class ProtoRules {
    private static final ExtensionRegistry RULES = ExtensionRegistry.newInstance();

    static {
        Validate.registerAllExtensions(RULES);
    }

    private final Map<String, Message> kinds;
    private final List<String> broken = new ArrayList<>();
    private int checked;

    private ProtoRules(Map<String, Message> kinds) {
        this.kinds = kinds;
    }

    /** What is wrong with {@code message}; {@code kinds} are the messages that an Any may hold, by full name. */
    static List<String> broken(Message message, Map<String, Message> kinds) throws InvalidProtocolBufferException {
        ProtoRules rules = new ProtoRules(kinds);
        rules.message(message, message.getDescriptorForType().getName());
        if (rules.checked == 0) {
            rules.broken.add("no rule was found to check: the extensions are not read");
        }
        return rules.broken;
    }

    private void message(Message message, String path) throws InvalidProtocolBufferException {
        if (Kinds.isAny(message)) {
            Any any = Kinds.any(message);
            String name = any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('/') + 1);
            Message kind = kinds.get(name);
            if (kind == null) {
                broken.add(path + ": unknown kind " + name);
            } else {
                message(kind.getParserForType().parseFrom(any.getValue()), path + "<" + name + ">");
            }
            return;
        }
        for (Descriptors.OneofDescriptor oneof : message.getDescriptorForType().getRealOneofs()) {
            DescriptorProtos.OneofOptions options = DescriptorProtos.OneofOptions.parseFrom(
                    oneof.toProto().getOptions().toByteString(), RULES);
            if (options.getExtension(Validate.required)) {
                checked++;
                require(message.hasOneof(oneof), path + "." + oneof.getName() + " is required");
            }
        }
        for (Descriptors.FieldDescriptor field : message.getDescriptorForType().getFields()) {
            Validate.FieldRules rules = DescriptorProtos.FieldOptions.parseFrom(
                            field.toProto().getOptions().toByteString(), RULES)
                    .getExtension(Validate.rules);
            String at = path + "." + field.getName();
            if (field.isRepeated()) {
                List<?> values = (List<?>) message.getField(field);
                if (rules.hasRepeated()) {
                    checked++;
                    require(values.size() >= rules.getRepeated().getMinItems(), at + " has too few");
                    require(
                            !rules.getRepeated().hasMaxItems()
                                    || values.size() <= rules.getRepeated().getMaxItems(),
                            at + " has too many");
                }
                for (Object value : values) {
                    value(value, rules.getRepeated().getItems(), at);
                }
                continue;
            }
            boolean set = !field.hasPresence() || message.hasField(field);
            if (field.getRealContainingOneof() != null && !set) {
                continue;
            }
            require(!rules.getMessage().getRequired() || set, at + " is required");
            if (set) {
                value(message.getField(field), rules, at);
            }
        }
    }

    private void value(Object value, Validate.FieldRules rules, String at) throws InvalidProtocolBufferException {
        if (value instanceof UInt32Value number) {
            value(number.getValue(), rules, at);
        } else if (value instanceof Duration time && rules.hasDuration()) {
            checked++;
            long nanos = time.getSeconds() * 1_000_000_000 + time.getNanos();
            require(
                    !rules.getDuration().hasGt()
                            || nanos > nanos(rules.getDuration().getGt()),
                    at + " is too short");
            require(
                    !rules.getDuration().hasGte()
                            || nanos >= nanos(rules.getDuration().getGte()),
                    at + " is too short");
        } else if (value instanceof Message message) {
            message(message, at);
        } else if (value instanceof String text && rules.hasString()) {
            checked++;
            Validate.StringRules string = rules.getString();
            require(text.length() >= string.getMinLen(), at + " is too short");
            require(
                    !string.hasMaxBytes() || ByteString.copyFromUtf8(text).size() <= string.getMaxBytes(),
                    at + " is too long");
            require(
                    !string.hasPattern()
                            || Pattern.compile(string.getPattern())
                                    .matcher(text)
                                    .find(),
                    at + " does not match " + string.getPattern() + ": " + text);
        } else if (value instanceof Integer number && rules.hasUint32()) {
            checked++;
            long n = Integer.toUnsignedLong(number);
            Validate.UInt32Rules bounds = rules.getUint32();
            require(!bounds.hasGte() || n >= Integer.toUnsignedLong(bounds.getGte()), at + " is too small: " + n);
            require(!bounds.hasGt() || n > Integer.toUnsignedLong(bounds.getGt()), at + " is too small: " + n);
            require(!bounds.hasLte() || n <= Integer.toUnsignedLong(bounds.getLte()), at + " is too large: " + n);
            require(!bounds.hasLt() || n < Integer.toUnsignedLong(bounds.getLt()), at + " is too large: " + n);
        }
    }

    private static long nanos(Duration time) {
        return time.getSeconds() * 1_000_000_000 + time.getNanos();
    }

    private void require(boolean holds, String otherwise) {
        if (!holds) {
            broken.add(otherwise);
        }
    }
}
