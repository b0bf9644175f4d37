package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.WireException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** All readings so far, in the order of the probes. */
public record Readings(List<Reading> all) {
    public Readings {
        all = List.copyOf(all);
    }

    public Readings and(Reading more) {
        List<Reading> list = new ArrayList<>(all);
        list.add(more);
        return new Readings(list);
    }

    public <T extends Reading> Optional<T> find(Class<T> type) {
        return all.stream().filter(type::isInstance).map(type::cast).findFirst();
    }

    public Optional<Reading.Failed> failure(String probe) {
        return all.stream()
                .filter(r -> r instanceof Reading.Failed && r.probe().equals(probe))
                .map(Reading.Failed.class::cast)
                .findFirst();
    }

    public boolean failed(String probe, WireException.Kind... kinds) {
        return failure(probe).filter(f -> List.of(kinds).contains(f.kind())).isPresent();
    }
}
