package dev.holdfast.plan;

/** A cluster's share of what a rule takes. */
public interface Share {
    String cluster();

    int weight();

    /** Whether it is for when those of the rule that are none are not well. */
    boolean fallback();

    /** Whether what falls to it is ended at once, and asks no cluster. */
    boolean fails();
}
