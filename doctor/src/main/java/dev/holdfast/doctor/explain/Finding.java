package dev.holdfast.doctor.explain;

import dev.holdfast.problem.Origin;
import java.util.List;
import java.util.Optional;

/**
 * A reason why a WebSocket fails or a page is slow.
 *
 * @param seen the evidence, one line each
 * @param meaning one paragraph
 * @param atFault the places in the user's manifests, where those were given
 */
public record Finding(
        Code code, Level level, List<String> seen, String meaning, List<Cure> cures, List<Blame> atFault) {
    public Finding {
        seen = List.copyOf(seen);
        cures = List.copyOf(cures);
        atFault = List.copyOf(atFault);
    }

    /** A place in a manifest, and what about it. */
    public record Blame(Origin origin, String what) {}

    static Finding of(Code code, String meaning, List<String> seen, List<Cure> cures) {
        return new Finding(code, code.level(), seen, meaning, cures, List.of());
    }

    Finding level(Level other) {
        return new Finding(code, other, seen, meaning, cures, atFault);
    }

    Finding blame(Optional<Blame> blame) {
        return blame.map(b -> new Finding(code, level, seen, meaning, cures, List.of(b)))
                .orElse(this);
    }

    /** At these places and no other, be it none. */
    Finding at(List<Blame> places) {
        return new Finding(code, level, seen, meaning, cures, places);
    }

    public boolean counts() {
        return level != Level.NOTE;
    }
}
