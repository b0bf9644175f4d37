package dev.holdfast.app.run;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.PlanSink;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What carries the plan out: this process, or Envoys elsewhere. Of the two only the chosen one's classes are loaded. */
interface Plane extends PlanSink {
    /** Takes what it needs from the machine, a port for example. */
    void start() throws IOException;

    /** From the next plan on: which ports belong to which Gateways, where each has a plane of its own. */
    void divide(Map<Integer, String> byPort);

    /** What the change to {@code next} will end, said before it is applied. */
    List<Problem> foresee(Plan next);

    /** What is wrong by now with the plan that serves, beyond what {@link #apply} could say at once. */
    List<Problem> problems();

    /** The established streams, as far as it sees them. */
    Streams streams();

    /** The Envoys that it drives, for people and programs to see. */
    List<? extends Record> envoys();

    /** A line for people: where {@code plan} serves. */
    List<String> addresses(Plan plan);

    /** Ends at once what would outlive this process. */
    void abandon();

    /** Says goodbye to every stream and waits for them, at most so long. */
    void drain(Duration time);
}
