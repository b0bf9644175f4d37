package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Node;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Every field of every kind we read, what may stand there, what stands there where nothing is written, and the rules over
 * several fields; from the tables beside this class.
 */
public final class Schema {
    private static final String TABLES = "/dev/holdfast/resource/schema/";

    private final Map<String, Shape> kinds = new ConcurrentHashMap<>();
    private final Map<String, Set<String>> deprecated = new HashMap<>();
    private final Map<String, List<Ruled>> rules = new HashMap<>();
    private final Blocks fields = Blocks.of(TABLES + "fields.tsv");
    private final Blocks fallbacks = Blocks.of(TABLES + "defaults.tsv");

    /** A rule, and the path of the place that it stands at. */
    private record Ruled(String path, CelRule rule) {}

    private static final class Holder {
        static final Schema INSTANCE = new Schema();
    }

    public static Schema get() {
        return Holder.INSTANCE;
    }

    private Schema() {
        table("rules.tsv", cells -> {
            CelRule rule = new CelRule(cells[0], cells[1], cells[2], cells[4]);
            for (String place : cells[3].split(" ")) {
                int colon = place.indexOf(':');
                rules.computeIfAbsent(place.substring(0, colon), k -> new ArrayList<>())
                        .add(new Ruled(place.substring(colon + 1), rule));
            }
        });
        table("notes.tsv", cells -> {
            if (cells[2].contains("deprecated")) {
                deprecated.computeIfAbsent(cells[0], k -> new TreeSet<>()).add(cells[1]);
            }
        });
    }

    private static void table(String name, Consumer<String[]> row) {
        Blocks.text(TABLES + name).lines().forEach(line -> row.accept(line.split("\t", -1)));
    }

    Shape of(String kind) {
        return kinds.computeIfAbsent(kind, this::read);
    }

    private Shape read(String kind) {
        if (!knows(kind)) {
            throw new IllegalArgumentException("no table has the kind " + kind);
        }
        Shape whole = new Shape();
        fields.rows(kind, cells -> {
            Shape shape = whole.make(cells[1]);
            shape.type = cells[2];
            shape.allowed = cells[3].isEmpty() ? List.of() : Arrays.asList(cells[3].split("\\|"));
            shape.constraints = cells[4];
            shape.required = cells[5].equals("required");
            if (!cells[6].isEmpty()) {
                whole.apiVersion = cells[6];
            }
        });
        fallbacks.rows(kind, cells -> whole.make(cells[1]).fallback = cells[2]);
        rules.getOrDefault(kind, List.of())
                .forEach(ruled -> whole.make(ruled.path).rules.add(ruled.rule));
        return whole;
    }

    public Set<String> kinds() {
        return new TreeSet<>(fields.kinds());
    }

    /** A row of the tables: a field, or a rule at a place where {@code rule} is not empty. */
    public record Row(
            String kind,
            String path,
            String type,
            String constraints,
            boolean required,
            String fallback,
            String rule) {}

    /** All of both tables, for those who hold us to them. */
    public static List<Row> rows() {
        List<Row> out = new ArrayList<>();
        table(
                "fields.tsv",
                c -> out.add(new Row(
                        c[0],
                        c[1],
                        c[2],
                        c[4] + (c[3].isEmpty() ? "" : "; enum=" + c[3]),
                        c[5].equals("required"),
                        get().of(c[0]).make(c[1]).fallback,
                        "")));
        table("rules.tsv", c -> {
            for (String place : c[3].split(" ")) {
                int colon = place.indexOf(':');
                out.add(new Row(place.substring(0, colon), place.substring(colon + 1), "", "", false, "", c[1]));
            }
        });
        return List.copyOf(out);
    }

    public boolean knows(String kind) {
        return fields.kinds().contains(kind);
    }

    public String apiVersion(String kind) {
        return knows(kind) ? of(kind).apiVersion : "";
    }

    /** Fields of {@code kind} that still work and are to go, lists as {@code []}. */
    public Set<String> deprecated(String kind) {
        return deprecated.getOrDefault(kind, Set.of());
    }

    /**
     * Checks a resource's own fields, and where each is well the rules over several; {@code metadata}, {@code status} and
     * the type are Kubernetes' matter.
     */
    void check(ResourceRef ref, Node.Mapping root, List<Problem> problems) {
        Shape shape = of(ref.kind());
        int before = problems.size();
        new FieldCheck(ref, problems).check(shape, root);
        if (problems.size() == before) {
            new RuleCheck(ref, problems).check(shape, root);
        }
    }
}
