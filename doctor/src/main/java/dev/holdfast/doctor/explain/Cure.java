package dev.holdfast.doctor.explain;

import java.util.List;

/** One way out, and what it costs. */
public record Cure(String what, String price, List<Mending> mendings) {
    public Cure {
        mendings = List.copyOf(mendings);
    }

    static Cure of(String what, String price, Mending... mendings) {
        return new Cure(what, price, List.of(mendings));
    }
}
