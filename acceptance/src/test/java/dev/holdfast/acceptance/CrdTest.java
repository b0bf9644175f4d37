package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.testkit.golden.Golden;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/**
 * The CustomResourceDefinition of StreamPolicy is made of what we read manifests by, the table of fields, and of the words
 * of docs/stream-policy.md; so file, cluster and page say the same.
 */
class CrdTest {
    private static final String KIND = "StreamPolicy";
    private static final Pattern LIMIT = Pattern.compile("(minItems|maxItems|minLen|maxLen|min|max)=(-?\\d+)");
    private static final Map<String, String> LIMITS = Map.of(
            "minItems", "minItems",
            "maxItems", "maxItems",
            "minLen", "minLength",
            "maxLen", "maxLength",
            "min", "minimum",
            "max", "maximum");

    private record Row(String path, String type, List<String> allowed, String constraints, boolean required) {}

    private static List<Row> rows() throws IOException {
        try (var in = CrdTest.class.getResourceAsStream("/dev/holdfast/resource/schema/fields.tsv")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(l -> l.split("\t", -1))
                    .filter(c -> c[0].equals(KIND))
                    .map(c -> new Row(
                            c[1],
                            c[2],
                            c[3].isEmpty() ? List.of() : List.of(c[3].split("\\|")),
                            c[4],
                            c[5].equals("required")))
                    .toList();
        }
    }

    /** Path below {@code spec} to what the page says of it. */
    private static Map<String, String> words() throws IOException {
        Map<String, String> out = new TreeMap<>();
        Pattern row = Pattern.compile("^\\| `([a-zA-Z.]+)` \\| (.+) \\|$", Pattern.MULTILINE);
        String page = Files.readString(Path.of("..", "docs", "stream-policy.md"));
        String fields = page.substring(page.indexOf("## Fields"), page.indexOf("## Goodbyes"));
        Matcher found = row.matcher(fields);
        while (found.find()) {
            out.put(found.group(1), found.group(2).replace("`", ""));
        }
        return out;
    }

    @Test
    void everyFieldHasItsLineOnThePageAndNoOtherHas() throws IOException {
        List<String> leaves = rows().stream()
                .map(Row::path)
                .filter(p -> !p.equals("spec") && !p.contains("[]"))
                .map(p -> p.substring("spec.".length()))
                .filter(p -> !List.of("limits", "ping", "drain", "tokenExpiry").contains(p))
                .toList();
        assertThat(words().keySet()).containsExactlyInAnyOrderElementsOf(leaves);
    }

    @Test
    void theDefinitionIsWhatTheTableOfFieldsSays() throws IOException {
        Map<String, Object> names = new LinkedHashMap<>();
        names.put("kind", KIND);
        names.put("listKind", KIND + "List");
        names.put("plural", "streampolicies");
        names.put("singular", "streampolicy");
        names.put("categories", List.of("gateway-api"));
        Map<String, Object> version = new LinkedHashMap<>();
        version.put("name", "v1alpha1");
        version.put("served", true);
        version.put("storage", true);
        version.put("subresources", Map.of("status", Map.of()));
        version.put("schema", Map.of("openAPIV3Schema", schema()));
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("group", "holdfast.dev");
        spec.put("scope", "Namespaced");
        spec.put("names", names);
        spec.put("versions", List.of(version));
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", "streampolicies.holdfast.dev");
        // GEP-713 §"Direct Policy": how tools know a policy by its definition.
        metadata.put("labels", Map.of("gateway.networking.k8s.io/policy", "Inherited"));
        Map<String, Object> crd = new LinkedHashMap<>();
        crd.put("apiVersion", "apiextensions.k8s.io/v1");
        crd.put("kind", "CustomResourceDefinition");
        crd.put("metadata", metadata);
        crd.put("spec", spec);
        String text = new Dump(DumpSettings.builder()
                        .setDefaultFlowStyle(FlowStyle.BLOCK)
                        .setWidth(110)
                        .setIndicatorIndent(2)
                        .setIndentWithIndicator(true)
                        .build())
                .dumpToString(crd);
        Golden.check(
                Path.of("..", "deploy", "crds", "holdfast.dev_streampolicies.yaml"),
                "# Made by CrdTest; do not edit.\n" + text);
    }

    private static Map<String, Object> schema() throws IOException {
        Map<String, String> words = words();
        Map<String, Object> root = object("How the established streams of what it targets are treated.");
        for (Row row : rows()) {
            place(root, row, words.get(row.path.replaceFirst("^spec\\.?", "")));
        }
        Map<String, Object> properties = properties(root);
        properties.put("apiVersion", Map.of("type", "string"));
        properties.put("kind", Map.of("type", "string"));
        properties.put("metadata", Map.of("type", "object"));
        Map<String, Object> spec = at(properties, "spec");
        spec.put(
                "x-kubernetes-validations",
                List.of(
                        rule(
                                "has(self.targetRefs) || (has(self.targetSelectors) && self.targetSelectors.size() > 0)",
                                "targetRefs or targetSelectors must be used"),
                        rule(
                                "!has(self.limits) || !has(self.limits.onExceeded) || has(self.limits.messagesPerSecond)"
                                        + " || has(self.limits.bytesPerSecond)",
                                "onExceeded needs messagesPerSecond or bytesPerSecond")));
        at(properties(spec), "drain")
                .put(
                        "x-kubernetes-validations",
                        List.of(
                                rule(
                                        "!has(self.code) || self.code <= 1003 || (self.code >= 1007 && self.code <= 1014)"
                                                + " || self.code >= 3000",
                                        "the code may not stand in a Close frame (RFC 6455 section 7.4)"),
                                rule(
                                        "!has(self.jitter) || duration(self.jitter) <= duration(has(self.time) ? self.time :"
                                                + " '10s')",
                                        "jitter must not be longer than time")));
        properties.put("status", status());
        root.put("required", List.of("spec"));
        return root;
    }

    private static Map<String, Object> rule(String rule, String message) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("rule", rule);
        out.put("message", message);
        return out;
    }

    private static Map<String, Object> object(String words) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("type", "object");
        out.put("description", words);
        out.put("properties", new LinkedHashMap<String, Object>());
        return out;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> at(Map<String, Object> map, String name) {
        return (Map<String, Object>) map.computeIfAbsent(name, n -> new LinkedHashMap<String, Object>());
    }

    private static Map<String, Object> properties(Map<String, Object> object) {
        return at(object, "properties");
    }

    private static void place(Map<String, Object> root, Row row, String words) {
        Map<String, Object> at = root;
        String[] parts = row.path.split("\\.");
        for (int i = 0; i < parts.length; i++) {
            boolean last = i == parts.length - 1;
            String name = parts[i].replaceAll("[\\[\\]{}]", "");
            if (last && row.required && !parts[i].endsWith("]") && !row.path.equals("spec")) {
                @SuppressWarnings("unchecked")
                List<String> required = (List<String>) at.computeIfAbsent("required", r -> new ArrayList<String>());
                required.add(name);
            }
            at = at(properties(at), name);
            if (parts[i].endsWith("[]")) {
                at = at(at, "items");
            } else if (parts[i].endsWith("{}")) {
                at = at(at, "additionalProperties");
            }
        }
        if (row.type.equals("int-or-string")) {
            at.put("x-kubernetes-int-or-string", true);
            at.put("anyOf", List.of(Map.of("type", "integer"), Map.of("type", "string")));
            at.put("pattern", "^[1-9][0-9]{0,8}(Ki|Mi|Gi|k|M|G)?$");
        } else {
            String[] type = row.type.split("/");
            at.put("type", type[0]);
            if (type.length > 1) {
                at.put("format", type[1]);
            }
        }
        if (words != null) {
            at.put("description", words);
        }
        if (!row.allowed.isEmpty()) {
            at.put("enum", row.allowed);
        }
        String constraints = row.constraints.replaceFirst("; pattern=.*$|^pattern=.*$", "");
        Matcher limit = LIMIT.matcher(constraints);
        while (limit.find()) {
            at.put(LIMITS.get(limit.group(1)), Integer.parseInt(limit.group(2)));
        }
        int pattern = row.constraints.indexOf("pattern=");
        if (pattern >= 0) {
            at.put(
                    "pattern",
                    row.constraints.substring(pattern + "pattern=".length()).replace("\\\\", "\\"));
        }
    }

    /** PolicyStatus of the Gateway API (GEP-713): what became of the policy at each ancestor. */
    private static Map<String, Object> status() {
        Map<String, Object> ref = object("The Gateway that the policy holds under.");
        for (String name : List.of("group", "kind", "namespace", "name", "sectionName")) {
            properties(ref).put(name, Map.of("type", "string"));
        }
        ref.put("required", List.of("name"));
        Map<String, Object> condition = object("One condition, as Kubernetes has them.");
        for (String name : List.of("type", "status", "reason", "message")) {
            properties(condition).put(name, Map.of("type", "string"));
        }
        properties(condition).put("observedGeneration", new TreeMap<>(Map.of("type", "integer", "format", "int64")));
        properties(condition).put("lastTransitionTime", new TreeMap<>(Map.of("type", "string", "format", "date-time")));
        condition.put("required", List.of("type", "status", "reason", "message", "lastTransitionTime"));
        Map<String, Object> conditions = new LinkedHashMap<>();
        conditions.put("type", "array");
        conditions.put("items", condition);
        conditions.put("x-kubernetes-list-type", "map");
        conditions.put("x-kubernetes-list-map-keys", List.of("type"));
        Map<String, Object> ancestor = object("What became of the policy under one Gateway.");
        properties(ancestor).put("ancestorRef", ref);
        properties(ancestor).put("controllerName", Map.of("type", "string"));
        properties(ancestor).put("conditions", conditions);
        ancestor.put("required", List.of("ancestorRef", "controllerName"));
        Map<String, Object> ancestors = new LinkedHashMap<>();
        ancestors.put("type", "array");
        ancestors.put("maxItems", 16);
        ancestors.put("items", ancestor);
        Map<String, Object> out = object("What became of the policy.");
        properties(out).put("ancestors", ancestors);
        return out;
    }
}
