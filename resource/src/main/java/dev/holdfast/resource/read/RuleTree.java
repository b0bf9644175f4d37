package dev.holdfast.resource.read;

import com.google.common.collect.ImmutableList;
import dev.cel.common.ast.CelConstant;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.values.NullValue;
import java.util.Optional;

/**
 * A rule's expression as the parser has read it, written as text: each node's letter, what it holds, then its children. The
 * tables hold it beside the expression (a test keeps the two together), so that a start needs no parser of expressions.
 */
final class RuleTree {
    private final String text;
    private int at;
    private long id;

    private RuleTree(String text) {
        this.text = text;
    }

    static CelExpr read(String text) {
        RuleTree tree = new RuleTree(text);
        CelExpr whole = tree.node();
        if (tree.at != text.length()) {
            throw new IllegalStateException("a rule's tree goes on after its end: " + text);
        }
        return whole;
    }

    private CelExpr node() {
        long own = ++id;
        char kind = text.charAt(at++);
        return switch (kind) {
            case 's' -> CelExpr.ofConstant(own, CelConstant.ofValue(name()));
            case 'i' -> CelExpr.ofConstant(own, CelConstant.ofValue(Long.parseLong(until(';'))));
            case 'd' -> CelExpr.ofConstant(own, CelConstant.ofValue(Double.parseDouble(until(';'))));
            case 'b' -> CelExpr.ofConstant(own, CelConstant.ofValue(flag()));
            case 'n' -> CelExpr.ofConstant(own, CelConstant.ofValue(NullValue.NULL_VALUE));
            case 'v' -> CelExpr.ofIdent(own, name());
            case '.' -> {
                boolean only = flag();
                String field = name();
                yield CelExpr.ofSelect(own, node(), field, only);
            }
            case 'c' -> {
                boolean targeted = flag();
                int arguments = count();
                String function = name();
                Optional<CelExpr> target = targeted ? Optional.of(node()) : Optional.empty();
                yield CelExpr.ofCall(own, target, function, nodes(arguments));
            }
            case 'l' -> CelExpr.ofList(own, nodes(count()), ImmutableList.of());
            case 'm' -> {
                ImmutableList.Builder<CelExpr.CelMap.Entry> entries = ImmutableList.builder();
                for (int left = count(); left > 0; left--) {
                    long entry = ++id;
                    CelExpr key = node();
                    entries.add(CelExpr.ofMapEntry(entry, key, node(), false));
                }
                yield CelExpr.ofMap(own, entries.build());
            }
            case 'f' -> {
                String each = name();
                String beside = name();
                String result = name();
                CelExpr range = node();
                CelExpr first = node();
                CelExpr condition = node();
                CelExpr step = node();
                yield CelExpr.ofComprehension(own, each, beside, range, result, first, condition, step, node());
            }
            default -> throw new IllegalStateException("a rule's tree has no node " + kind + ": " + text);
        };
    }

    private ImmutableList<CelExpr> nodes(int count) {
        ImmutableList.Builder<CelExpr> out = ImmutableList.builderWithExpectedSize(count);
        for (int i = 0; i < count; i++) {
            out.add(node());
        }
        return out.build();
    }

    private boolean flag() {
        return text.charAt(at++) == '1';
    }

    private int count() {
        return Integer.parseInt(until(';'));
    }

    /** Its length comes before it. */
    private String name() {
        int length = Integer.parseInt(until(':'));
        at += length;
        return text.substring(at - length, at);
    }

    private String until(char end) {
        int from = at;
        at = text.indexOf(end, from) + 1;
        return text.substring(from, at - 1);
    }
}
