package dev.holdfast.plan;

import dev.holdfast.problem.Problem;
import java.util.List;
import java.util.Map;

/**
 * What a sink made of a plan.
 *
 * @param boundPorts listener name to the port it is bound to
 * @param drainedStreams established streams that this change ends
 */
public record Applied(boolean accepted, Map<String, Integer> boundPorts, int drainedStreams, List<Problem> problems) {
    public Applied {
        boundPorts = Map.copyOf(boundPorts);
        problems = List.copyOf(problems);
    }
}
