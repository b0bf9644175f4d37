package dev.holdfast.resource.edit;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A YAML text cut between its documents; joined again, the pieces are the text. */
final class Documents {
    /** In no scalar, whatever its style, may a line begin so (YAML 1.2.2, 9.1.2). */
    private static final Pattern START = Pattern.compile("---(?:\\s.*)?", Pattern.DOTALL);

    private static final Pattern END = Pattern.compile("\\.\\.\\.(?:\\s.*)?", Pattern.DOTALL);
    /** What may stand before a document's start and belongs to it. */
    private static final Pattern HEAD = Pattern.compile("\\s*(?:[#%].*)?", Pattern.DOTALL);

    private Documents() {}

    static List<String> of(String text) {
        List<String> out = new ArrayList<>();
        int from = 0;
        boolean begun = false;
        for (int at = 0; at < text.length(); ) {
            int next = text.indexOf('\n', at) + 1;
            int end = next == 0 ? text.length() : next;
            String line = text.substring(at, end);
            boolean start = START.matcher(line).matches();
            if (start && begun) {
                out.add(text.substring(from, at));
                from = at;
            }
            begun |= start || !HEAD.matcher(line).matches();
            if (END.matcher(line).matches()) {
                out.add(text.substring(from, end));
                from = end;
                begun = false;
            }
            at = end;
        }
        if (from < text.length()) {
            out.add(text.substring(from));
        }
        return out;
    }
}
