package dev.holdfast.doctor.wire;

import java.util.List;
import java.util.Optional;

/** A header field as it goes over the wire. */
public record Header(String name, String value) {
    public static Optional<String> first(List<Header> headers, String name) {
        return headers.stream()
                .filter(h -> h.name().equalsIgnoreCase(name))
                .map(Header::value)
                .findFirst();
    }

    public static List<String> all(List<Header> headers, String name) {
        return headers.stream()
                .filter(h -> h.name().equalsIgnoreCase(name))
                .map(Header::value)
                .toList();
    }

    /** {@code name: value}, with what is secret left out. */
    @Override
    public String toString() {
        return name + ": " + (isSecret() ? "[redacted]" : value);
    }

    private boolean isSecret() {
        return name.equalsIgnoreCase("authorization")
                || name.equalsIgnoreCase("cookie")
                || name.equalsIgnoreCase("set-cookie")
                || name.equalsIgnoreCase("proxy-authorization");
    }
}
