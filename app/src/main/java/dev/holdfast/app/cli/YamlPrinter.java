package dev.holdfast.app.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.StreamDataWriter;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.emitter.Emitter;
import org.snakeyaml.engine.v2.events.DocumentEndEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.ImplicitTuple;
import org.snakeyaml.engine.v2.events.MappingEndEvent;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceEndEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.events.StreamEndEvent;
import org.snakeyaml.engine.v2.events.StreamStartEvent;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.representer.StandardRepresenter;
import org.snakeyaml.engine.v2.resolver.ScalarResolver;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/**
 * A tree of maps, lists and scalars as YAML, written as it is walked. {@code Dump} makes a node of everything first, which
 * for a large plan takes longer than all that made the plan.
 */
final class YamlPrinter {
    private static final DumpSettings SETTINGS = DumpSettings.builder()
            .setDefaultFlowStyle(FlowStyle.BLOCK)
            .setWidth(140)
            .setIndicatorIndent(2)
            .setIndentWithIndicator(true)
            .setSchema(new CoreSchema())
            .setDereferenceAliases(true)
            .build();

    private final Emitter emitter;
    private final StandardRepresenter scalars = new StandardRepresenter(SETTINGS);
    private final ScalarResolver resolver = SETTINGS.getSchema().getScalarResolver();

    private YamlPrinter(PrintWriter out) {
        emitter = new Emitter(SETTINGS, new StreamDataWriter() {
            @Override
            public void write(String text) {
                out.write(text);
            }

            @Override
            public void write(String text, int offset, int length) {
                out.write(text, offset, length);
            }
        });
    }

    static void print(Object tree, PrintWriter out) {
        YamlPrinter printer = new YamlPrinter(out);
        printer.emitter.emit(new StreamStartEvent());
        printer.emitter.emit(new DocumentStartEvent(false, Optional.empty(), Map.of()));
        printer.value(tree);
        printer.emitter.emit(new DocumentEndEvent(false));
        printer.emitter.emit(new StreamEndEvent());
    }

    private void value(Object value) {
        switch (value) {
            case Map<?, ?> map -> {
                emitter.emit(new MappingStartEvent(Optional.empty(), Optional.empty(), true, style(map.isEmpty())));
                map.forEach((key, item) -> {
                    value(key);
                    value(item);
                });
                emitter.emit(new MappingEndEvent());
            }
            case List<?> list -> {
                emitter.emit(new SequenceStartEvent(Optional.empty(), Optional.empty(), true, style(list.isEmpty())));
                list.forEach(this::value);
                emitter.emit(new SequenceEndEvent());
            }
            default -> scalar((ScalarNode) scalars.represent(value));
        }
    }

    private void scalar(ScalarNode node) {
        Tag plain = resolver.resolve(node.getValue(), true);
        Tag quoted = resolver.resolve(node.getValue(), false);
        emitter.emit(new ScalarEvent(
                Optional.empty(),
                Optional.of(node.getTag().getValue()),
                new ImplicitTuple(node.getTag().equals(plain), node.getTag().equals(quoted)),
                node.getValue(),
                node.getScalarStyle()));
    }

    private static FlowStyle style(boolean empty) {
        return empty ? FlowStyle.FLOW : FlowStyle.BLOCK;
    }
}
