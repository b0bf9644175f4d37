package dev.holdfast.resource.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;

/** A table whose rows stand together by their first cell, the kind: a start reads those of the kinds that it meets. */
final class Blocks {
    private final String text;
    private final Map<String, Block> blocks = new LinkedHashMap<>();

    private record Block(int from, int to) {}

    private Blocks(String text) {
        this.text = text;
        for (int from = 0; from < text.length(); ) {
            String first = text.substring(from, text.indexOf('\t', from) + 1);
            int to = from;
            while (text.startsWith(first, to)) {
                to = text.indexOf('\n', to) + 1;
            }
            if (blocks.put(first.substring(0, first.length() - 1), new Block(from, to)) != null) {
                throw new IllegalStateException("the rows of " + first.strip() + " stand apart");
            }
            from = to;
        }
    }

    static Blocks of(String resource) {
        return new Blocks(text(resource));
    }

    static String text(String resource) {
        try (InputStream in = Blocks.class.getResourceAsStream(resource)) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException("the table " + resource + " cannot be read", e);
        }
    }

    Set<String> kinds() {
        return blocks.keySet();
    }

    /** Each row of {@code kind} as its cells. */
    void rows(String kind, Consumer<String[]> row) {
        Block block = blocks.get(kind);
        if (block != null) {
            text.substring(block.from, block.to).lines().forEach(line -> row.accept(line.split("\t", -1)));
        }
    }
}
