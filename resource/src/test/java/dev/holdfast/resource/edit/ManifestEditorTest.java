package dev.holdfast.resource.edit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.ResourceRef;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A change touches its place and nothing else: comments, order, quotes and other documents stay as they were. */
final class ManifestEditorTest {
    private static final ResourceRef POLICY = new ResourceRef("", "Policy", "default", "p");
    private static final String TEXT = """
            # of the file
            kind: Other
            metadata: {name: p}
            ---
            kind: Policy   # after the kind
            metadata:
              name: 'p'
            spec:
              # before the first
              a: 1  # after a
              # before b
              b:
                c: [x,   y]
                d: "☃ 𝄞"

              # before e
              e: last
            """;

    @Test
    void addsBeforeTheFirstEntryWithItsIndentation() {
        assertThat(edit(TEXT, new Change.Add("spec", "refs:\n  - name: z\n")))
                .contains(TEXT.replace("  a: 1", "  refs:\n    - name: z\n  a: 1"));
        assertThat(edit(TEXT, new Change.Add("spec.b", "n: 2")))
                .contains(TEXT.replace("    c: [", "    n: 2\n    c: ["));
    }

    @Test
    void addsWithinBracesAndInJson() {
        String flow = "{kind: Policy, metadata: {name: p}, spec: {a: 1}}\n";
        assertThat(edit(flow, new Change.Add("spec", "refs:\n  - name: z\n")))
                .contains("{kind: Policy, metadata: {name: p}, spec: {refs: [{name: z}], a: 1}}\n");
        String json = "{\"kind\": \"Policy\", \"metadata\": {\"name\": \"p\"}, \"spec\": {\"a\": 1}}";
        assertThat(edit(json, new Change.Add("metadata", "namespace: default")))
                .contains(json.replace("{\"name\"", "{\"namespace\": \"default\", \"name\""));
    }

    @Test
    void removesWholeLinesAndKeepsTheCommentsAround() {
        assertThat(edit(TEXT, new Change.Remove("spec.b.c"))).contains(TEXT.replace("    c: [x,   y]\n", ""));
        assertThat(edit(TEXT, new Change.Remove("spec.e"))).contains(TEXT.replace("  e: last\n", ""));
        assertThat(edit(TEXT, new Change.Remove("spec.b")))
                .contains(TEXT.replace("  b:\n    c: [x,   y]\n    d: \"☃ 𝄞\"\n", ""));
    }

    @Test
    void whatHeldNothingElseGoesToo() {
        String text = "kind: Policy\nmetadata:\n  name: p\nspec:\n  a: 1\n  tls:\n    alpn:\n      - h2 # x\n# end\n";
        assertThat(edit(text, new Change.Remove("spec.tls.alpn")))
                .contains("kind: Policy\nmetadata:\n  name: p\nspec:\n  a: 1\n# end\n");
    }

    @Test
    void renamesAndReplaces() {
        assertThat(edit(TEXT, new Change.Rename("spec.e", "f"))).contains(TEXT.replace("e: last", "f: last"));
        assertThat(edit(TEXT, new Change.Replace("spec.b.c[1]", "\"9\""))).contains(TEXT.replace("  y]", "  \"9\"]"));
    }

    @Test
    void makesAListAndKeepsWhatStandsBesideTheValue() {
        assertThat(edit(TEXT, new Change.Enlist("spec.b")))
                .contains(TEXT.replace("    c: [x,   y]\n    d:", "    - c: [x,   y]\n      d:"));
        String flow = "kind: Policy\nmetadata: {name: p}\nspec:\n  ref: {a: 1}  # why\n";
        assertThat(edit(flow, new Change.Enlist("spec.ref"))).contains(flow.replace("{a: 1}", "[{a: 1}]"));
        String block =
                "kind: Policy\nmetadata: {name: p}\nspec:\n  ref: # why\n    # the first\n    a: 1 # one\n\n    b: 2 # two\n  c: 3";
        assertThat(edit(block, new Change.Enlist("spec.ref")))
                .contains(block.replace("    a: 1", "    - a: 1").replace("    b: 2", "      b: 2"));
    }

    @Test
    void findsAnItemOfAList() {
        String text = "kind: List\nitems:\n  - kind: Policy\n    metadata:\n      name: p\n    spec:\n      a: 1\n";
        assertThat(edit(text, new Change.Replace("spec.a", "2"))).contains(text.replace("a: 1", "a: 2"));
    }

    @Test
    void whatHasNoPlaceChangesNothing() {
        assertThat(edit(TEXT, new Change.Remove("spec.nothing"))).isEmpty();
        assertThat(edit(TEXT, new Change.Replace("spec.a", "1"))).isEmpty();
        assertThat(edit("a: [", new Change.Remove("spec.a"))).isEmpty();
    }

    private static Optional<String> edit(String text, Change change) {
        return ManifestEditor.edit(text, POLICY, List.of(change));
    }
}
