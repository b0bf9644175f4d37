package dev.holdfast.xds.resource;

import com.github.xds.type.matcher.v3.CelMatcher;
import com.github.xds.type.v3.CelExpression;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelProtoAbstractSyntaxTree;
import dev.cel.common.CelValidationException;
import dev.cel.common.ast.CelExpr.ExprKind.Kind;
import dev.cel.common.navigation.CelNavigableAst;
import dev.cel.parser.CelParser;
import dev.cel.parser.CelParserFactory;
import dev.cel.parser.CelStandardMacro;
import java.util.Optional;
import java.util.Set;

/** Conditions in the Common Expression Language, which Envoy takes parsed. */
final class Expressions {
    /** What Envoy's evaluator has switched off: it would refuse the route, or find no such function when it is asked. */
    private static final Set<String> OFF = Set.of("_+_", "string");

    /** Loaded when the first condition is met. */
    private static final class Language {
        static final CelParser PARSER = CelParserFactory.standardCelParserBuilder()
                .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
                .build();
    }

    private Expressions() {}

    /** Empty for one that Envoy does not carry out. */
    static Optional<CelMatcher> of(String expression) {
        CelAbstractSyntaxTree read;
        try {
            read = Language.PARSER.parse(expression).getAst();
        } catch (CelValidationException refusedWhereItWasRead) {
            return Optional.empty();
        }
        boolean off = CelNavigableAst.fromAst(read).getRoot().allNodes().anyMatch(node -> switch (node.getKind()) {
            case Kind.COMPREHENSION -> true;
            case Kind.CALL -> OFF.contains(node.expr().call().function());
            default -> false;
        });
        return off
                ? Optional.empty()
                : Optional.of(CelMatcher.newBuilder()
                        .setExprMatch(CelExpression.newBuilder()
                                .setCelExprParsed(CelProtoAbstractSyntaxTree.fromCelAst(read).toParsedExpr().toBuilder()
                                        .clearSourceInfo()))
                        .build());
    }
}
