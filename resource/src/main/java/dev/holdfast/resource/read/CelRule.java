package dev.holdfast.resource.read;

import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelOptions;
import dev.cel.common.CelSource;
import dev.cel.extensions.CelExtensions;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A rule over several fields as the APIs write it, in the Common Expression Language with {@code self} for the place it
 * stands at. Made ready when it is first asked, since most never are: the language itself takes a tenth of a second to
 * load.
 */
final class CelRule {
    /** Of each rule; what a gateway's changes bring once and never again is not to pile up. */
    private static final int KEPT = 200;

    /** The one rule of many kinds for which {@link Rules} has the lines that mend it. */
    static final String TARGET = "either targetRef or targetRefs must be used";

    private final String expression;
    private final String message;
    private final String quiet;
    /** For {@link RuleTree}. */
    private final String tree;

    private final Map<Object, Boolean> verdicts = new ConcurrentHashMap<>();
    private @Nullable Projection projection;
    private CelRuntime.@Nullable Program program;

    private static final class Language {
        private static final CelOptions OPTIONS =
                CelOptions.current().enableHeterogeneousNumericComparisons(true).build();

        static final CelRuntime RUNTIME = CelRuntimeFactory.plannerRuntimeBuilder()
                .setOptions(OPTIONS)
                .addLibraries(CelExtensions.strings())
                .addFunctionBindings(CelFunctionBinding.from("isIP", String.class, IpText::isIp))
                .build();
    }

    /** @param quiet a field without which the rule holds whatever else is there; empty where there is none such */
    CelRule(String expression, String message, String quiet, String tree) {
        this.tree = tree;
        this.expression = expression;
        this.message = message;
        this.quiet = quiet;
    }

    String message() {
        return message;
    }

    String expression() {
        return expression;
    }

    String quiet() {
        return quiet;
    }

    /** Whether the rule needs no asking. */
    boolean holdsAnyway(Object self) {
        return !quiet.isEmpty() && self instanceof Map<?, ?> map && !map.containsKey(quiet);
    }

    /** Asked once of what looks the same to the rule: routes are many and much alike. */
    boolean holds(Object self) {
        Projection seen = projection;
        if (seen == null) {
            seen = Projection.of(expression);
            projection = seen;
        }
        Object looked = seen.of(self);
        Boolean known = verdicts.get(looked);
        if (known == null) {
            known = evaluate(self);
            if (verdicts.size() >= KEPT) {
                verdicts.clear();
            }
            verdicts.put(looked, known);
        }
        return known;
    }

    /** An expression that cannot be evaluated, for a field that it needs is absent, does not hold: so the API server has it. */
    boolean evaluate(Object self) {
        try {
            return Boolean.TRUE.equals(program().eval(Map.of("self", self)));
        } catch (CelEvaluationException notToBeEvaluated) {
            return false;
        }
    }

    private synchronized CelRuntime.Program program() {
        CelRuntime.Program ready = program;
        if (ready == null) {
            try {
                ready = Language.RUNTIME.createProgram(CelAbstractSyntaxTree.newParsedAst(
                        RuleTree.read(tree), CelSource.newBuilder(expression).build()));
            } catch (CelEvaluationException e) {
                throw new IllegalStateException("rule cannot be read: " + expression, e);
            }
            program = ready;
        }
        return ready;
    }
}
