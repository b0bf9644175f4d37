package dev.holdfast.xds.resource;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.JsonPathException;
import com.jayway.jsonpath.Option;
import com.jayway.jsonpath.spi.json.GsonJsonProvider;
import com.jayway.jsonpath.spi.mapper.GsonMappingProvider;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One operation of RFC 6902 on a tree, at a JSON pointer (RFC 6901) or below every place that a JSONPath finds. As in Envoy
 * Gateway, {@code add} makes what is missing on its way. The tree may be changed in part where it fails.
 */
final class JsonEdit {
    private static final Configuration PATHS = Configuration.builder()
            .jsonProvider(new GsonJsonProvider())
            .mappingProvider(new GsonMappingProvider())
            .options(Option.AS_PATH_LIST)
            .build();
    /** Of a path in normal form: {@code $['a'][0]}. */
    private static final Pattern STEP = Pattern.compile("\\['((?:[^'\\\\]|\\\\.)*)']|\\[(\\d+)]");

    private JsonEdit() {}

    /** What cannot be done, for people. */
    static final class Impossible extends Exception {
        private static final long serialVersionUID = 1;

        Impossible(String message) {
            super(message);
        }
    }

    /**
     * What is done, and where.
     *
     * @param op add, remove, replace, move, copy, test
     * @param path a JSON pointer; below each place that {@code jsonPath} finds, where there is one
     * @param from a JSON pointer of move and copy, empty for none
     * @param jsonPath RFC 9535, empty for none
     * @param value JSON text
     */
    record Operation(String op, String path, String from, String jsonPath, Optional<String> value) {}

    static JsonElement apply(JsonElement root, Operation patch) throws Impossible {
        List<List<String>> places = places(root, patch);
        if (patch.op().equals("remove")) {
            // The last first, so that those before keep their index.
            Collections.reverse(places);
        }
        JsonElement out = root;
        for (List<String> place : places) {
            out = apply(out, patch, place);
        }
        return out;
    }

    private static List<List<String>> places(JsonElement root, Operation patch) throws Impossible {
        List<String> path = steps(patch.path());
        List<List<String>> out = new ArrayList<>();
        if (patch.jsonPath().isEmpty()) {
            out.add(path);
            return out;
        }
        try {
            JsonElement found = JsonPath.using(PATHS).parse(root).read(patch.jsonPath());
            for (JsonElement one : found.getAsJsonArray()) {
                List<String> place = new ArrayList<>();
                Matcher step = STEP.matcher(one.getAsString());
                while (step.find()) {
                    place.add(
                            step.group(1) == null
                                    ? step.group(2)
                                    : step.group(1).replaceAll("\\\\(.)", "$1"));
                }
                place.addAll(path);
                out.add(place);
            }
        } catch (JsonPathException | IllegalArgumentException wrong) {
            throw new Impossible("the JSONPath " + patch.jsonPath() + " finds nothing: " + wrong.getMessage());
        }
        if (out.isEmpty()) {
            throw new Impossible("the JSONPath " + patch.jsonPath() + " finds nothing");
        }
        return out;
    }

    /** {@code /a~1b/0} is {@code a/b} and {@code 0}. */
    private static List<String> steps(String pointer) throws Impossible {
        if (pointer.isEmpty()) {
            return List.of();
        }
        if (!pointer.startsWith("/")) {
            throw new Impossible("the path " + pointer + " does not begin with a slash");
        }
        List<String> out = new ArrayList<>();
        for (String step : pointer.substring(1).split("/", -1)) {
            out.add(step.replace("~1", "/").replace("~0", "~"));
        }
        return out;
    }

    private static JsonElement apply(JsonElement root, Operation patch, List<String> place) throws Impossible {
        return switch (patch.op()) {
            case "add" -> add(root, place, value(patch));
            case "replace" -> replace(root, place, value(patch));
            case "remove" -> {
                remove(root, place);
                yield root;
            }
            case "move" -> {
                JsonElement moved = remove(root, steps(patch.from()));
                yield add(root, place, moved);
            }
            case "copy" -> add(root, place, get(root, steps(patch.from())).deepCopy());
            case "test" -> {
                if (!get(root, place).equals(value(patch))) {
                    throw new Impossible("the test at " + shown(place) + " fails: there is " + get(root, place));
                }
                yield root;
            }
            default -> throw new Impossible("there is no operation " + patch.op());
        };
    }

    private static JsonElement value(Operation patch) throws Impossible {
        return JsonParser.parseString(
                patch.value().orElseThrow(() -> new Impossible("the operation " + patch.op() + " needs a value")));
    }

    private static JsonElement get(JsonElement root, List<String> place) throws Impossible {
        JsonElement at = root;
        for (int i = 0; i < place.size(); i++) {
            at = child(at, place.get(i), place.subList(0, i + 1));
        }
        return at;
    }

    private static JsonElement child(JsonElement at, String step, List<String> place) throws Impossible {
        if (at instanceof JsonObject object && object.has(step)) {
            return object.get(step);
        }
        if (at instanceof JsonArray array) {
            int index = index(step, place);
            if (index < array.size()) {
                return array.get(index);
            }
        }
        throw new Impossible("there is nothing at " + shown(place));
    }

    private static JsonElement add(JsonElement root, List<String> place, JsonElement value) throws Impossible {
        if (place.isEmpty()) {
            return value;
        }
        JsonElement at = root;
        for (int i = 0; i < place.size() - 1; i++) {
            String step = place.get(i);
            if (at instanceof JsonObject object && !object.has(step)) {
                boolean list = place.get(i + 1).matches("-|\\d+");
                object.add(step, list ? new JsonArray() : new JsonObject());
            }
            at = child(at, step, place.subList(0, i + 1));
        }
        String last = place.getLast();
        switch (at) {
            case JsonObject object -> object.add(last, value);
            case JsonArray array -> {
                int index = last.equals("-") ? array.size() : index(last, place);
                if (index > array.size()) {
                    throw new Impossible("the list at " + shown(place.subList(0, place.size() - 1)) + " has only "
                            + array.size() + " items");
                }
                insert(array, index, value);
            }
            default -> throw new Impossible("there is neither an object nor a list above " + shown(place));
        }
        return root;
    }

    private static void insert(JsonArray array, int index, JsonElement value) {
        array.add(value);
        for (int i = array.size() - 1; i > index; i--) {
            array.set(i, array.get(i - 1));
        }
        array.set(index, value);
    }

    private static JsonElement replace(JsonElement root, List<String> place, JsonElement value) throws Impossible {
        if (place.isEmpty()) {
            return value;
        }
        get(root, place);
        JsonElement above = get(root, place.subList(0, place.size() - 1));
        switch (above) {
            case JsonObject object -> object.add(place.getLast(), value);
            case JsonArray array -> array.set(index(place.getLast(), place), value);
            default -> throw new IllegalStateException(shown(place));
        }
        return root;
    }

    private static JsonElement remove(JsonElement root, List<String> place) throws Impossible {
        if (place.isEmpty()) {
            throw new Impossible("the whole resource cannot be removed");
        }
        JsonElement gone = get(root, place);
        JsonElement above = get(root, place.subList(0, place.size() - 1));
        switch (above) {
            case JsonObject object -> object.remove(place.getLast());
            case JsonArray array -> array.remove(index(place.getLast(), place));
            default -> throw new IllegalStateException(shown(place));
        }
        return gone;
    }

    private static int index(String step, List<String> place) throws Impossible {
        if (!step.matches("0|[1-9]\\d{0,8}")) {
            throw new Impossible(step + " in " + shown(place) + " is no index of a list");
        }
        return Integer.parseInt(step);
    }

    private static String shown(List<String> place) {
        return "/" + String.join("/", place);
    }
}
