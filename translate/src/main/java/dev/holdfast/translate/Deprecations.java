package dev.holdfast.translate;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.Schema;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Names fields that still work and are to go. */
final class Deprecations {
    private static final Map<String, String> INSTEAD = Map.ofEntries(
            Map.entry("spec.targetRef", "spec.targetRefs"),
            Map.entry("spec.compression", "spec.compressor"),
            Map.entry("spec.enableProxyProtocol", "spec.proxyProtocol"),
            Map.entry("spec.headers.preserveXRequestID", "spec.headers.requestID"),
            Map.entry("spec.tls.clientValidation.optional", "spec.tls.clientValidation.mode"),
            Map.entry("spec.telemetry.tracing.customTags", "spec.telemetry.tracing.tags"));

    private Deprecations() {}

    static void check(ResourceSet set, List<Problem> problems) {
        for (String kind : Schema.get().kinds()) {
            Set<String> paths = Schema.get().deprecated(kind);
            if (!paths.isEmpty()) {
                set.kind(kind).forEach(r -> paths.forEach(p -> find(r, r.fields(), p, p, problems)));
            }
        }
    }

    /** Lists stand as {@code name[]}, keys that are free as {@code name{}}. */
    private static void find(Resource resource, Field at, String rest, String path, List<Problem> problems) {
        int dot = rest.indexOf('.');
        String step = dot < 0 ? rest : rest.substring(0, dot);
        boolean list = step.endsWith("[]");
        Field next = at.get(list ? step.substring(0, step.length() - 2) : step);
        if (!next.present()) {
            return;
        }
        if (dot < 0) {
            problems.add(problem(next, path));
        } else if (list) {
            next.items().forEach(item -> find(resource, item, rest.substring(dot + 1), path, problems));
        } else {
            find(resource, next, rest.substring(dot + 1), path, problems);
        }
    }

    private static Problem problem(Field field, String path) {
        String instead = INSTEAD.get(path);
        Problem problem = Problem.at(
                field.origin(),
                ProblemCode.DEPRECATED,
                Severity.INFO,
                field.path() + " is deprecated" + (instead == null ? "" : ", use " + instead + " instead"),
                instead == null ? "Look for what has taken its place." : "Write " + instead + ".");
        return path.equals("spec.targetRef") && field.node() instanceof Node.Mapping
                ? problem.withMending(
                        new Change.Rename("spec.targetRef", "targetRefs"), new Change.Enlist("spec.targetRefs"))
                : problem;
    }
}
