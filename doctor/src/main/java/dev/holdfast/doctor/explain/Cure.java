package dev.holdfast.doctor.explain;

import java.util.List;

/**
 * One way out, and what it costs.
 *
 * @param helps false for what is often advised and does not help; {@code price} then says what it does
 */
public record Cure(boolean helps, String what, String price, List<Mending> mendings) {
    public Cure {
        mendings = List.copyOf(mendings);
    }

    static Cure of(String what, String price, Mending... mendings) {
        return new Cure(true, what, price, List.of(mendings));
    }

    static Cure not(String what, String does) {
        return new Cure(false, what, does, List.of());
    }
}
