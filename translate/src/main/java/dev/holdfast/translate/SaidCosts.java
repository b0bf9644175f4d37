package dev.holdfast.translate;

import dev.holdfast.plan.Extension;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter.Cost.Said;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Costs of rate limits that a filter of the route must tell: names those that none does. */
final class SaidCosts {
    private SaidCosts() {}

    /**
     * @param filters of the route
     * @param counted whether global limits are carried out
     */
    static void check(Optional<Field> policy, List<HttpFilter> filters, boolean counted, List<Problem> problems) {
        List<Field> rules = policy.map(p -> p.get("rateLimit")).stream()
                .flatMap(limit -> Stream.concat(
                        limit.at("local.rules").items().stream(),
                        counted ? limit.at("global.rules").items().stream() : Stream.of()))
                .toList();
        for (Field rule : rules) {
            for (String side : List.of("cost.request.metadata", "cost.response.metadata")) {
                Field metadata = rule.at(side);
                if (metadata.present() && !isTold(metadata, filters)) {
                    problems.add(untold(metadata));
                }
            }
        }
    }

    /** What extensions tell nobody knows but they. */
    private static boolean isTold(Field metadata, List<HttpFilter> filters) {
        String namespace = metadata.get("namespace").text("");
        String first = metadata.get("key").text("").split(":", 2)[0];
        return filters.stream().anyMatch(filter -> switch (filter) {
            case Extension ignored -> true;
            case SecurityFilter.JwtAuth tokens ->
                namespace.equals(Said.BY_TOKENS)
                        && tokens.providers().stream().anyMatch(p -> p.name().equals(first));
            case SecurityFilter.ExtAuth auth ->
                namespace.equals(Said.BY_AUTHORIZATION) && auth.server() instanceof SecurityFilter.AuthServer.Grpc;
            default -> false;
        });
    }

    private static Problem untold(Field metadata) {
        return Problem.at(
                metadata.origin(),
                ProblemCode.NOT_CARRIED_OUT,
                Severity.WARNING,
                "no filter of the route tells " + metadata.get("key").text("") + " of "
                        + metadata.get("namespace").text("") + ": the rule counts no request",
                "Name " + Said.BY_TOKENS + " and PROVIDER:CLAIM where the route has jwt, or " + Said.BY_AUTHORIZATION
                        + " and what its extAuth by gRPC says, or a number.");
    }
}
