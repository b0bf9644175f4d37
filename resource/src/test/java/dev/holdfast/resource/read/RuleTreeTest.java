package dev.holdfast.resource.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.ast.CelConstant;
import dev.cel.common.ast.CelExpr;
import dev.cel.parser.CelParser;
import dev.cel.parser.CelParserFactory;
import dev.cel.parser.CelStandardMacro;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Each rule's tree in the table is what the parser makes of its expression; {@code -Dgolden.update=true} writes them anew. */
final class RuleTreeTest {
    private static final Path TABLE = Path.of("src/main/resources/dev/holdfast/resource/schema/rules.tsv");
    private static final int TREE = 4;

    private static final CelParser PARSER = CelParserFactory.standardCelParserBuilder()
            .setOptions(CelOptions.current()
                    .enableHeterogeneousNumericComparisons(true)
                    .build())
            .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
            .build();

    @Test
    void theTableHoldsTheTreeOfEachExpression() throws Exception {
        List<String> lines = Files.readAllLines(TABLE);
        List<String> wanted = new ArrayList<>();
        for (String line : lines) {
            String[] cells = line.split("\t", -1);
            cells = java.util.Arrays.copyOf(cells, TREE + 1);
            cells[TREE] = tree(cells[0]);
            wanted.add(String.join("\t", cells));
            assertThat(written(RuleTree.read(cells[TREE]))).isEqualTo(cells[TREE]);
        }
        if (Boolean.getBoolean("golden.update")) {
            Files.write(TABLE, wanted);
        } else {
            assertThat(lines).isEqualTo(wanted);
        }
    }

    static String tree(String expression) throws CelValidationException {
        return written(PARSER.parse(expression).getAst().getExpr());
    }

    private static String written(CelExpr node) {
        StringBuilder out = new StringBuilder();
        write(node, out);
        return out.toString();
    }

    private static void write(CelExpr node, StringBuilder out) {
        switch (node.getKind()) {
            case CONSTANT -> constant(node.constant(), out);
            case IDENT -> name(out.append('v'), node.ident().name());
            case SELECT -> {
                name(
                        out.append('.').append(node.select().testOnly() ? '1' : '0'),
                        node.select().field());
                write(node.select().operand(), out);
            }
            case CALL -> {
                out.append('c').append(node.call().target().isPresent() ? '1' : '0');
                name(
                        out.append(node.call().args().size()).append(';'),
                        node.call().function());
                node.call().target().ifPresent(target -> write(target, out));
                node.call().args().forEach(argument -> write(argument, out));
            }
            case LIST -> {
                assertThat(node.list().optionalIndices()).isEmpty();
                out.append('l').append(node.list().elements().size()).append(';');
                node.list().elements().forEach(element -> write(element, out));
            }
            case MAP -> {
                out.append('m').append(node.map().entries().size()).append(';');
                for (CelExpr.CelMap.Entry entry : node.map().entries()) {
                    assertThat(entry.optionalEntry()).isFalse();
                    write(entry.key(), out);
                    write(entry.value(), out);
                }
            }
            case COMPREHENSION -> {
                CelExpr.CelComprehension fold = node.comprehension();
                out.append('f');
                name(out, fold.iterVar());
                name(out, fold.iterVar2());
                name(out, fold.accuVar());
                List.of(fold.iterRange(), fold.accuInit(), fold.loopCondition(), fold.loopStep(), fold.result())
                        .forEach(part -> write(part, out));
            }
            case STRUCT, NOT_SET -> throw new AssertionError("no rule has one: " + node);
        }
    }

    private static void constant(CelConstant value, StringBuilder out) {
        switch (value.getKind()) {
            case STRING_VALUE -> name(out.append('s'), value.stringValue());
            case INT64_VALUE -> out.append('i').append(value.int64Value()).append(';');
            case DOUBLE_VALUE -> out.append('d').append(value.doubleValue()).append(';');
            case BOOLEAN_VALUE -> out.append('b').append(value.booleanValue() ? '1' : '0');
            case NULL_VALUE -> out.append('n');
            default -> throw new AssertionError("no rule has one: " + value);
        }
    }

    private static void name(StringBuilder out, String name) {
        out.append(name.length()).append(':').append(name);
    }
}
