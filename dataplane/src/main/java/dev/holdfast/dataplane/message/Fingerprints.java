package dev.holdfast.dataplane.message;

/** What a ClientHello tells of the software that sent it; each empty where it is not asked for. */
public record Fingerprints(String ja3, String ja4) {
    public static final Fingerprints NONE = new Fingerprints("", "");
}
