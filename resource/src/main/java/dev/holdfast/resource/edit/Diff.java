package dev.holdfast.resource.edit;

import java.util.ArrayList;
import java.util.List;

/**
 * The one place where two texts differ, in whole lines.
 *
 * @param line of the first line that differs, from 1
 * @param removed lines of the old text
 * @param added lines in their place
 */
public record Diff(int line, List<String> removed, List<String> added) {
    private static final int AROUND = 2;

    public Diff {
        removed = List.copyOf(removed);
        added = List.copyOf(added);
    }

    /** Of two texts that stand after so many other lines. */
    public static Diff of(String before, String after, int linesBefore) {
        List<String> old = before.lines().toList();
        List<String> now = after.lines().toList();
        int shorter = Math.min(old.size(), now.size());
        int same = 0;
        while (same < shorter && old.get(same).equals(now.get(same))) {
            same++;
        }
        int tail = 0;
        while (tail < shorter - same && old.get(old.size() - 1 - tail).equals(now.get(now.size() - 1 - tail))) {
            tail++;
        }
        return new Diff(
                linesBefore + same + 1, old.subList(same, old.size() - tail), now.subList(same, now.size() - tail));
    }

    /** As people read it: lines taken out, lines put in, two lines around. {@code old} is the whole file as it was. */
    public String text(String file, List<String> old) {
        int from = Math.max(0, line - 1 - AROUND);
        int past = line - 1 + removed.size();
        int until = Math.min(old.size(), past + AROUND);
        List<String> out = new ArrayList<>();
        out.add("--- " + file);
        out.add("+++ " + file);
        out.add("@@ -" + (from + 1) + "," + (until - from) + " +" + (from + 1) + ","
                + (until - from + added.size() - removed.size()) + " @@");
        old.subList(from, line - 1).forEach(l -> out.add(" " + l));
        int[][] common = common();
        int i = 0;
        int j = 0;
        while (i < removed.size() || j < added.size()) {
            boolean same =
                    i < removed.size() && j < added.size() && removed.get(i).equals(added.get(j));
            if (same) {
                out.add(" " + removed.get(i));
                i++;
                j++;
            } else if (j < added.size() && (i == removed.size() || common[i][j + 1] >= common[i + 1][j])) {
                out.add("+" + added.get(j++));
            } else {
                out.add("-" + removed.get(i++));
            }
        }
        old.subList(past, until).forEach(l -> out.add(" " + l));
        return String.join("\n", out);
    }

    /** Length of the longest common subsequence of what is left from each pair of lines (Wagner and Fischer 1974). */
    private int[][] common() {
        int[][] out = new int[removed.size() + 1][added.size() + 1];
        for (int i = removed.size() - 1; i >= 0; i--) {
            for (int j = added.size() - 1; j >= 0; j--) {
                out[i][j] = removed.get(i).equals(added.get(j))
                        ? out[i + 1][j + 1] + 1
                        : Math.max(out[i + 1][j], out[i][j + 1]);
            }
        }
        return out;
    }
}
