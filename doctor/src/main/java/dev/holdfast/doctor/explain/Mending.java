package dev.holdfast.doctor.explain;

/**
 * Lines to put in place.
 *
 * @param forWhom whose configuration: "Envoy Gateway", "Holdfast", "both", or an application or proxy by name
 */
public record Mending(String forWhom, String text) {
    public Mending {
        text = text.stripTrailing();
    }

    static Mending both(String yaml) {
        return new Mending("Envoy Gateway and Holdfast", yaml);
    }

    static Mending envoyGateway(String yaml) {
        return new Mending("Envoy Gateway", yaml);
    }

    static Mending holdfast(String yaml) {
        return new Mending("Holdfast", yaml);
    }
}
