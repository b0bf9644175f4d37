package dev.holdfast.acceptance;

import dev.holdfast.testkit.golden.Golden;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/** The CRD of the kind that is ours is made from the very table that manifests are checked against. */
final class OurKindsTest {
    private static final Path CRD = Path.of("../deploy/crds/holdfast.dev_streampolicies.yaml");

    @Test
    void theCrdOfStreamPolicySaysWhatTheTableSays() throws IOException {
        Map<String, Object> root = object();
        for (String[] cells : table("StreamPolicy")) {
            place(root, cells);
        }
        DumpSettings settings = DumpSettings.builder()
                .setDefaultFlowStyle(FlowStyle.BLOCK)
                .setIndent(2)
                .setWidth(140)
                .build();
        Golden.check(CRD, "# Made by OurKindsTest; do not edit.\n" + new Dump(settings).dumpToString(crd(root)));
    }

    private static List<String[]> table(String kind) throws IOException {
        List<String[]> out = new ArrayList<>();
        try (InputStream in = OurKindsTest.class.getResourceAsStream("/dev/holdfast/resource/schema/fields.tsv");
                BufferedReader reader =
                        new BufferedReader(new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8))) {
            reader.lines()
                    .map(line -> line.split("\t", -1))
                    .filter(cells -> cells[0].equals(kind))
                    .forEach(out::add);
        }
        return out;
    }

    private static Map<String, Object> object() {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("type", "object");
        return out;
    }

    /** {@code spec.targetRefs[].name}: {@code []} steps into an array's items, {@code {}} into a map's values. */
    private static void place(Map<String, Object> root, String[] cells) {
        Map<String, Object> at = root;
        String[] parts = cells[1].split("\\.");
        for (int i = 0; i < parts.length; i++) {
            String part = parts[i];
            String name = part.replaceAll("(\\[]|\\{})+$", "");
            Map<String, Object> parent = at;
            at = child(at, "properties", name);
            for (String step = part.substring(name.length()); !step.isEmpty(); step = step.substring(2)) {
                at = at(at, step.startsWith("[]") ? "items" : "additionalProperties");
            }
            if (i == parts.length - 1 && cells[5].equals("required") && part.equals(name)) {
                @SuppressWarnings("unchecked")
                List<String> required = (List<String>) parent.computeIfAbsent("required", r -> new ArrayList<String>());
                required.add(name);
            }
        }
        describe(at, cells);
    }

    private static void describe(Map<String, Object> at, String[] cells) {
        String type = cells[2];
        if (type.equals("int-or-string")) {
            at.put("x-kubernetes-int-or-string", true);
        } else if (type.contains("/")) {
            at.put("type", type.substring(0, type.indexOf('/')));
            at.put("format", type.substring(type.indexOf('/') + 1));
        } else {
            at.put("type", type);
        }
        if (!cells[3].isEmpty()) {
            at.put("enum", List.of(cells[3].split("\\|")));
        }
        Map<String, String> names =
                Map.of("min", "minimum", "max", "maximum", "minLen", "minLength", "maxLen", "maxLength");
        for (String constraint : cells[4].split("; ")) {
            int equals = constraint.indexOf('=');
            if (equals > 0) {
                String name = constraint.substring(0, equals);
                String value = constraint.substring(equals + 1);
                at.put(
                        names.getOrDefault(name, name),
                        name.equals("pattern") ? value.replace("\\\\", "\\") : (Object) Long.valueOf(value));
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> at(Map<String, Object> map, String key) {
        return (Map<String, Object>) map.computeIfAbsent(key, k -> new LinkedHashMap<String, Object>());
    }

    private static Map<String, Object> child(Map<String, Object> map, String holder, String name) {
        return at(at(map, holder), name);
    }

    private static Map<String, Object> crd(Map<String, Object> root) {
        Map<String, Object> status = object();
        status.put("x-kubernetes-preserve-unknown-fields", true);
        at(root, "properties").put("status", status);
        Map<String, Object> properties = at(root, "properties");
        properties.put("apiVersion", Map.of("type", "string"));
        properties.put("kind", Map.of("type", "string"));
        properties.put("metadata", Map.of("type", "object"));
        root.put("required", List.of("spec"));
        Map<String, Object> version = new LinkedHashMap<>();
        version.put("name", "v1alpha1");
        version.put("served", true);
        version.put("storage", true);
        version.put("subresources", Map.of("status", Map.of()));
        version.put("schema", Map.of("openAPIV3Schema", root));
        Map<String, Object> names = new LinkedHashMap<>();
        names.put("kind", "StreamPolicy");
        names.put("listKind", "StreamPolicyList");
        names.put("plural", "streampolicies");
        names.put("singular", "streampolicy");
        names.put("categories", List.of("gateway-api"));
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("group", "holdfast.dev");
        spec.put("names", names);
        spec.put("scope", "Namespaced");
        spec.put("versions", List.of(version));
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", "streampolicies.holdfast.dev");
        metadata.put("labels", Map.of("gateway.networking.k8s.io/policy", "Direct"));
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", "apiextensions.k8s.io/v1");
        out.put("kind", "CustomResourceDefinition");
        out.put("metadata", metadata);
        out.put("spec", spec);
        return out;
    }
}
