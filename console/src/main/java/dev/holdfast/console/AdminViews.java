package dev.holdfast.console;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * What the console may see; each supplier is asked anew for every request, from any thread.
 *
 * @param metrics in Prometheus' text format
 * @param problems of the newest manifests, whether or not they were applied
 * @param reloads newest first
 * @param envoys those that are driven, on the second plane
 * @param figures for the graphs
 */
public record AdminViews(
        Supplier<Plan> plan,
        Streams streams,
        Supplier<String> metrics,
        Supplier<List<Problem>> problems,
        BooleanSupplier ready,
        Supplier<List<Reload>> reloads,
        Supplier<List<? extends Record>> envoys,
        Supplier<Figures> figures) {}
