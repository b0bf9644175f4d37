package dev.holdfast.xds.resource;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.util.List;
import java.util.Map;

/** Resources as text, in the field order of their definitions. */
final class Rendering {
    private static final JsonFormat.Printer PRINTER =
            JsonFormat.printer().preservingProtoFieldNames().sortingMapKeys();
    private static final JsonFormat.Printer USUAL = PRINTER.usingTypeRegistry(Kinds.registry(List.of()));
    private static final Gson PRETTY =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    private Rendering() {}

    static String json(Map<ResourceType, Map<String, Message>> resources) {
        return PRETTY.toJson(tree(resources)) + "\n";
    }

    static String yaml(Map<ResourceType, Map<String, Message>> resources) {
        StringBuilder out = new StringBuilder();
        object(tree(resources), 0, out);
        return out.toString();
    }

    /** One message on one line. */
    static String compact(Message message) {
        return element(message).toString();
    }

    private static JsonObject tree(Map<ResourceType, Map<String, Message>> resources) {
        JsonObject out = new JsonObject();
        for (ResourceType type : new ResourceType[] {
            ResourceType.LISTENER, ResourceType.ROUTE, ResourceType.CLUSTER, ResourceType.ENDPOINT, ResourceType.SECRET
        }) {
            JsonArray list = new JsonArray();
            for (Message message : resources.getOrDefault(type, Map.of()).values()) {
                list.add(element(message));
            }
            out.add(type.plural(), list);
        }
        return out;
    }

    /** The JSON form, fields as the definitions write them. */
    static JsonElement element(Message message) {
        try {
            return JsonParser.parseString(USUAL.print(message));
        } catch (InvalidProtocolBufferException unknown) {
            return patched(message);
        }
    }

    /** There are messages in it that a user has brought. */
    private static JsonElement patched(Message message) {
        try {
            return JsonParser.parseString(PRINTER.usingTypeRegistry(Kinds.registry(Kinds.within(message)))
                    .print(message));
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a kind of message is missing from the registry: " + e.getMessage(), e);
        }
    }

    private static void object(JsonObject object, int indent, StringBuilder out) {
        object.entrySet().forEach(entry -> {
            out.repeat(' ', indent).append(key(entry.getKey())).append(':');
            value(entry.getValue(), indent, false, out);
        });
    }

    private static void value(JsonElement value, int indent, boolean inList, StringBuilder out) {
        switch (value) {
            case JsonObject object when object.size() == 0 -> out.append(" {}\n");
            case JsonArray array when array.size() == 0 -> out.append(" []\n");
            case JsonObject object
            when inList -> {
                StringBuilder body = new StringBuilder();
                object(object, indent + 2, body);
                out.append(' ').append(body.substring(indent + 2));
            }
            case JsonObject object -> {
                out.append('\n');
                object(object, indent + 2, out);
            }
            case JsonArray array -> {
                out.append('\n');
                for (JsonElement item : array) {
                    out.repeat(' ', indent).append('-');
                    value(item, indent, true, out);
                }
            }
            case JsonPrimitive primitive
            when isLines(primitive) -> {
                out.append(primitive.getAsString().endsWith("\n") ? " |\n" : " |-\n");
                primitive
                        .getAsString()
                        .lines()
                        .forEach(
                                line -> out.repeat(' ', indent + 2).append(line).append('\n'));
            }
            default -> out.append(' ').append(scalar(value)).append('\n');
        }
    }

    private static boolean isLines(JsonPrimitive primitive) {
        return primitive.isString()
                && primitive.getAsString().strip().contains("\n")
                && !Character.isWhitespace(primitive.getAsString().charAt(0));
    }

    private static String key(String name) {
        return name.matches("[A-Za-z_@][A-Za-z0-9_.@-]*") && !name.startsWith("@") ? name : quoted(name);
    }

    private static String scalar(JsonElement value) {
        if (value instanceof JsonPrimitive primitive && primitive.isString()) {
            String text = primitive.getAsString();
            boolean plain = text.matches("[A-Za-z/_][A-Za-z0-9_./-]*")
                    && !text.matches("(?i)true|false|null|yes|no|on|off|y|n");
            return plain ? text : quoted(text);
        }
        return value.toString();
    }

    /** A JSON string is a YAML string too. */
    private static String quoted(String text) {
        return new JsonPrimitive(text).toString();
    }
}
