package dev.holdfast.resource.edit;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.holdfast.problem.Change;
import dev.holdfast.problem.ResourceRef;
import java.lang.management.ManagementFactory;
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

    /** Cut wherever a document begins or ends, and nowhere else; what cannot be read hinders no other document. */
    @Test
    void findsItsDocumentAmongWhateverStandsAroundIt() {
        for (String around : List.of(
                "--- # first\nkind: Other\ntext: |\n  a\n ---\n  --- b\n",
                "%YAML 1.2\n# of the file\n---\nkind: Other\n...\n%YAML 1.2\n",
                "a: [\n",
                "kind: Policy\nmetadata: {name: other}\n...\n# between\n\n",
                "\r\n",
                "kind: Policy\r\nmetadata: {name: p, namespace: elsewhere}\r\n",
                "")) {
            String before = around + "---\nkind: Policy\nmetadata: {name: p}\nspec: {a: 1}\n";
            for (String after :
                    List.of("", "---\n", "...\n", "---\nkind: Policy\nmetadata: {name: p}\nspec: {a: 1}\n")) {
                assertThat(edit(before + after, new Change.Replace("spec.a", "2")))
                        .as(before + after)
                        .contains(before.replace("a: 1", "a: 2") + after);
            }
        }
    }

    /** What a change costs is its document's, not its file's. */
    @Test
    void manyChangesOfOneFileCostWhatTheyTouch() {
        String document = "---\nkind: Policy\nmetadata: {name: p%d}\nspec: {a: 1}\n";
        StringBuilder text = new StringBuilder();
        int documents = 5_000;
        for (int i = 0; i < documents; i++) {
            text.append(document.formatted(i));
        }
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long empty = thread.getCurrentThreadAllocatedBytes();
        ManifestEditor editor = new ManifestEditor(text.toString());
        for (int i = 0; i < documents; i++) {
            editor.make(editor.edit(
                            new ResourceRef("", "Policy", "default", "p" + i),
                            List.of(new Change.Replace("spec.a", "2")))
                    .orElseThrow());
        }
        assertThat(editor.text()).isEqualTo(text.toString().replace("a: 1", "a: 2"));
        long octets = (thread.getCurrentThreadAllocatedBytes() - empty) / documents;
        assertThat(octets).as("a change").isLessThan(200_000);
    }

    @Test
    void whatHasNoPlaceChangesNothing() {
        assertThat(edit(TEXT, new Change.Remove("spec.nothing"))).isEmpty();
        assertThat(edit(TEXT, new Change.Replace("spec.a", "1"))).isEmpty();
        assertThat(edit("a: [", new Change.Remove("spec.a"))).isEmpty();
    }

    private static Optional<String> edit(String text, Change change) {
        ManifestEditor editor = new ManifestEditor(text);
        return editor.edit(POLICY, List.of(change)).map(edit -> {
            editor.make(edit);
            return editor.text();
        });
    }
}
