package dev.holdfast.translate;

import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelValidationException;
import dev.cel.common.ast.CelExpr.ExprKind.Kind;
import dev.cel.common.navigation.CelNavigableAst;
import dev.cel.common.navigation.CelNavigableExpr;
import dev.cel.common.types.CelType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerBuilder;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import dev.holdfast.plan.Attributes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A condition in the Common Expression Language, judged before a request is. */
final class Condition {
    private static final int KEPT = 1_000;

    /** By expression, the latest; a policy of a Gateway is met again at each of its routes. */
    private static final Map<Asked, String> JUDGED = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Asked, String> eldest) {
            return size() > KEPT;
        }
    });

    private record Asked(String expression, Map<String, Set<String>> known) {}

    /** Loaded when the first condition is met. */
    private static final class Language {
        static final CelCompiler COMPILER = compiler();

        private static CelCompiler compiler() {
            CelCompilerBuilder builder =
                    CelCompilerFactory.standardCelCompilerBuilder().setStandardMacros(CelStandardMacro.STANDARD_MACROS);
            Attributes.OF_ENDED
                    .keySet()
                    .forEach(name -> builder.addVar(name, MapType.create(SimpleType.STRING, SimpleType.DYN)));
            return builder.build();
        }
    }

    private Condition() {}

    /** What is wrong with it, empty for nothing. */
    static String problem(String expression) {
        return problem(expression, Attributes.KNOWN);
    }

    /** @param known attributes that may be asked for, by the variable that they are of */
    static String problem(String expression, Map<String, Set<String>> known) {
        return JUDGED.computeIfAbsent(new Asked(expression, known), Condition::judge);
    }

    private static String judge(Asked asked) {
        CelAbstractSyntaxTree ast;
        try {
            ast = Language.COMPILER.compile(asked.expression).getAst();
        } catch (CelValidationException wrong) {
            return wrong.getErrors().isEmpty()
                    ? "it cannot be read"
                    : wrong.getErrors().getFirst().getMessage();
        }
        CelType type = ast.getResultType();
        if (!type.equals(SimpleType.BOOL) && !type.equals(SimpleType.DYN)) {
            return "it says " + type.name() + " rather than bool";
        }
        return CelNavigableAst.fromAst(ast)
                .getRoot()
                .allNodes()
                .filter(node -> node.getKind() == Kind.IDENT)
                .map(node -> attribute(node, asked.known))
                .filter(wrong -> !wrong.isEmpty())
                .findFirst()
                .orElse("");
    }

    /** What is wrong with a variable and what is asked of it. */
    private static String attribute(CelNavigableExpr node, Map<String, Set<String>> attributes) {
        String variable = node.expr().ident().name();
        Set<String> known = attributes.get(variable);
        if (known == null) {
            return Attributes.OF_ENDED.containsKey(variable) ? variable + " cannot be asked here" : "";
        }
        String asked = node.parent()
                .filter(parent -> parent.getKind() == Kind.SELECT)
                .map(parent -> parent.expr().select().field())
                .orElse("");
        return known.contains(asked)
                ? ""
                : variable + (asked.isEmpty() ? " as a whole" : "." + asked) + " cannot be asked here; known are "
                        + new TreeSet<>(known);
    }
}
