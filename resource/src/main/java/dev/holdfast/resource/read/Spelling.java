package dev.holdfast.resource.read;

import java.util.Collection;
import java.util.Locale;

/** The word that was probably meant. */
final class Spelling {
    /** More changes than this make another word. */
    private static final int FAR = 4;

    private static final int LONGEST = 100;

    private Spelling() {}

    /** The nearest of {@code candidates}, empty where none is near. */
    static String nearest(String name, Collection<String> candidates) {
        String best = "";
        int distance = FAR;
        if (name.length() > LONGEST) {
            return best;
        }
        for (String candidate : candidates) {
            int d = distance(name.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT));
            if (d < distance) {
                distance = d;
                best = candidate;
            }
        }
        return best;
    }

    /** Edit distance (Wagner and Fischer 1974). */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                row[j] = Math.min(
                        Math.min(row[j] + 1, row[j - 1] + 1), diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}
