package dev.holdfast.dataplane.filter.security;

import dev.cel.common.CelErrorCode;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.parser.CelParser;
import dev.cel.parser.CelParserFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A condition in the Common Expression Language, asked of a request's {@link RequestAttributes}. */
public final class Condition {
    /** Null where it cannot be read; the translation lets none such through. */
    private final CelRuntime.@Nullable Program program;

    /** Loaded when the first condition is met. */
    private static final class Language {
        /** What a request makes of a condition has an end: steps of its loops. */
        private static final CelOptions OPTIONS = CelOptions.current()
                .comprehensionMaxIterations(10_000)
                .enableHeterogeneousNumericComparisons(true)
                .build();

        static final CelParser PARSER = CelParserFactory.standardCelParserBuilder()
                .setOptions(OPTIONS)
                .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
                .build();

        static final CelRuntime RUNTIME =
                CelRuntimeFactory.plannerRuntimeBuilder().setOptions(OPTIONS).build();
    }

    public Condition(String expression) {
        CelRuntime.Program made;
        try {
            made = Language.RUNTIME.createProgram(
                    Language.PARSER.parse(expression).getAst());
        } catch (CelValidationException | CelEvaluationException unreadable) {
            made = null;
        }
        program = made;
    }

    /**
     * Whether it holds. One that asks for what is not there does not, as in Envoy.
     *
     * @param untold what one that cannot be told says
     */
    public boolean holds(Map<String, Object> attributes, boolean untold) {
        CelRuntime.Program by = program;
        try {
            return by == null ? untold : by.eval(attributes) instanceof Boolean told ? told : untold;
        } catch (CelEvaluationException e) {
            return e.getErrorCode() != CelErrorCode.ATTRIBUTE_NOT_FOUND && untold;
        }
    }
}
