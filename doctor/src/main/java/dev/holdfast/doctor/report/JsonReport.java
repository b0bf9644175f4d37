package dev.holdfast.doctor.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.holdfast.doctor.explain.Cure;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.wire.Secrets;
import dev.holdfast.problem.Problem;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The report for a machine; docs/doctor/README.md describes its members. */
public final class JsonReport {
    private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private final boolean verbose;

    public JsonReport(boolean verbose) {
        this.verbose = verbose;
    }

    public String render(Report report) {
        Secrets secrets = report.options().secrets();
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("target", report.target().toString());
        report.options().connect().ifPresent(c -> root.put("connect", c.host() + ":" + c.port()));
        root.put("verdict", report.verdict().name().toLowerCase(Locale.ROOT));
        root.put("exitCode", report.verdict().exitCode());
        report.cannot().ifPresent(c -> root.put("cannot", c));
        report.application().ifPresent(a -> root.put("application", a.title()));
        root.put(
                "findings",
                report.findings().stream().map(f -> finding(f, secrets)).toList());
        root.put(
                "readings",
                report.readings().stream().map(r -> reading(r, secrets)).toList());
        root.put(
                "manifestProblems",
                report.manifestProblems().stream().map(JsonReport::problem).toList());
        root.put("connections", report.connections());
        root.put("requests", report.requests());
        root.put("tookMillis", report.took().toMillis());
        if (verbose) {
            root.put("wire", report.wire());
        }
        try {
            return MAPPER.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a reading has facts that are not plain values", e);
        }
    }

    private static Map<String, Object> problem(Problem problem) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("code", problem.code().name());
        out.put("severity", problem.severity().name().toLowerCase(Locale.ROOT));
        problem.resource().ifPresent(r -> out.put("resource", r.toString()));
        out.put("field", problem.fieldPath());
        problem.position().ifPresent(p -> {
            out.put("file", p.file());
            out.put("line", p.line());
            out.put("column", p.column());
        });
        out.put("message", problem.message());
        out.put("fix", problem.fix());
        FileDiffs diffs = new FileDiffs();
        diffs.diff(problem)
                .map(d -> diffs.shown(problem, d))
                .or(() -> Optional.of(problem.fixYaml()).filter(yaml -> !yaml.isEmpty()))
                .ifPresent(text -> out.put("mending", text));
        return out;
    }

    private static Map<String, Object> reading(Report.Entry entry, Secrets secrets) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("probe", entry.reading().probe());
        out.put(
                "state",
                switch (entry.reading()) {
                    case Reading.Failed failed -> "failed";
                    case Reading.Skipped skipped -> "skipped";
                    default -> "read";
                });
        out.put("line", secrets.hide(entry.reading().line()));
        out.put("tookMillis", entry.took().toMillis());
        out.put("facts", hidden(entry.reading().facts(), secrets));
        return out;
    }

    /** The same plain values, with each text as it may be shown. */
    private static Object hidden(Object fact, Secrets secrets) {
        return switch (fact) {
            case String text -> secrets.hide(text);
            case List<?> list -> list.stream().map(one -> hidden(one, secrets)).toList();
            case Map<?, ?> map -> {
                Map<Object, Object> out = new LinkedHashMap<>();
                map.forEach((key, value) -> out.put(key, hidden(value, secrets)));
                yield out;
            }
            default -> fact;
        };
    }

    private static Map<String, Object> finding(Finding finding, Secrets secrets) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("code", finding.code().name());
        out.put("level", finding.level().name().toLowerCase(Locale.ROOT));
        out.put("title", finding.code().title());
        out.put("probe", finding.code().probe());
        out.put("seen", finding.seen().stream().map(secrets::hide).toList());
        out.put("meaning", finding.meaning());
        out.put("atFault", finding.atFault().stream().map(JsonReport::blame).toList());
        out.put("cures", finding.cures().stream().map(JsonReport::cure).toList());
        return out;
    }

    private static Map<String, Object> blame(Finding.Blame blame) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("resource", blame.origin().resource().toString());
        out.put("field", blame.origin().fieldPath());
        blame.origin().position().ifPresent(p -> {
            out.put("file", p.file());
            out.put("line", p.line());
            out.put("column", p.column());
        });
        out.put("what", blame.what());
        return out;
    }

    private static Map<String, Object> cure(Cure cure) {
        List<Map<String, String>> mendings = cure.mendings().stream()
                .map(m -> Map.of("for", m.forWhom(), "text", m.text()))
                .toList();
        return Map.of("helps", cure.helps(), "what", cure.what(), "price", cure.price(), "mendings", mendings);
    }
}
