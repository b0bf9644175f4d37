package dev.holdfast.plan;

/** What takes a plan and carries it out. */
public interface PlanSink extends AutoCloseable {
    /** Carries out {@code plan}; where it cannot be bound nothing of it is started and the result says why. */
    Applied apply(Plan plan);

    @Override
    void close();
}
