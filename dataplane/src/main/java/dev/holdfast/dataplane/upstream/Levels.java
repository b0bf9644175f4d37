package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which of a rule's clusters takes a request, where some are there for when the others are not well: Envoy's priority levels
 * with its overprovisioning factor, of which there are two. The first keeps all requests until fewer than five in seven of its
 * endpoints are healthy; what is too much for it then goes to the fallback. Any loop.
 */
public final class Levels {
    private static final int LEVELS = 2;
    private static final double OVERPROVISIONING = 1.4;

    private Levels() {}

    /** A share that may be taken, and its cluster. */
    public record Way<S extends Share>(S share, ClusterState cluster) {
        public int level() {
            return share.fallback() ? 1 : 0;
        }
    }

    /**
     * @param calm whether only healthy endpoints are to be used, though its cluster by itself would use all
     */
    public record Choice<S extends Share>(Way<S> way, boolean calm) {}

    /** Those of a rule to choose from by their health; none where there are not both, fallbacks and others. */
    public static <S extends Share> List<Way<S>> ways(List<S> all, Function<String, @Nullable ClusterState> clusters) {
        if (!areTwo(all)) {
            return List.of();
        }
        List<Way<S>> out = new ArrayList<>(all.size());
        for (S share : all) {
            ClusterState to = clusters.apply(share.cluster());
            if (to != null && !share.fails() && share.weight() > 0) {
                out.add(new Way<>(share, to));
            }
        }
        return out;
    }

    /** Those of {@code all} whose weights say what fails of its own: never a fallback beside others. */
    public static <S extends Share> List<S> first(List<S> all) {
        return areTwo(all) ? all.stream().filter(s -> !s.fallback()).toList() : all;
    }

    private static boolean areTwo(List<? extends Share> all) {
        if (all.size() < 2) {
            return false;
        }
        boolean first = false;
        boolean fallback = false;
        for (Share share : all) {
            first |= !share.fallback();
            fallback |= share.fallback();
        }
        return first && fallback;
    }

    /** What each level has of the requests, in parts of one, and whether it uses its endpoints healthy or not. */
    record Loads(double[] of, boolean[] panic) {
        static Loads of(int[] healthy, int[] total, int panicPercent, boolean[] left) {
            double[] health = new double[LEVELS];
            double sum = 0;
            for (int i = 0; i < LEVELS; i++) {
                health[i] = left[i] || total[i] == 0 ? 0 : Math.min(1, OVERPROVISIONING * healthy[i] / total[i]);
                sum += health[i];
            }
            boolean[] panic = new boolean[LEVELS];
            boolean all = sum < 1;
            for (int i = 0; i < LEVELS && sum < 1; i++) {
                panic[i] = healthy[i] * 100L < (long) panicPercent * total[i];
                all &= panic[i] || total[i] == 0;
            }
            double[] loads = new double[LEVELS];
            if (sum == 0 || all) {
                // Nobody is well enough: by how many there are.
                for (int i = 0; i < LEVELS; i++) {
                    loads[i] = left[i] ? 0 : total[i];
                }
            } else {
                double rest = 1;
                for (int i = 0; i < LEVELS; i++) {
                    loads[i] = Math.min(rest, health[i] / Math.min(1, sum));
                    rest -= loads[i];
                }
            }
            return new Loads(loads, panic);
        }

        double sum() {
            return of[0] + of[1];
        }
    }

    /**
     * One of {@code ways}, of which there is at least one.
     *
     * @param left levels that are to be left out; where there would be nobody then, they are not
     */
    public static <S extends Share> Choice<S> pick(List<Way<S>> ways, boolean[] left) {
        int[] healthy = new int[LEVELS];
        int[] total = new int[LEVELS];
        for (Way<S> way : ways) {
            healthy[way.level()] += way.cluster().balancer().healthy();
            total[way.level()] += way.cluster().balancer().all().size();
        }
        int panicPercent = ways.getFirst().cluster().config().traffic().panicPercent();
        Loads loads = Loads.of(healthy, total, panicPercent, left);
        int level = drawn(loads.of);
        boolean panic = loads.panic[level];
        double[] weights = new double[ways.size()];
        for (int i = 0; i < weights.length; i++) {
            Way<S> way = ways.get(i);
            if (way.level() == level) {
                weights[i] = way.share().weight() * capacity(way.cluster().balancer(), panic);
            }
        }
        return new Choice<>(ways.get(drawn(weights)), !panic);
    }

    /** Whether a level of {@code left} could take a request in place of those left out. */
    public static <S extends Share> boolean remains(List<Way<S>> ways, boolean[] left) {
        return ways.stream()
                .anyMatch(w -> !left[w.level()] && w.cluster().balancer().healthy() > 0);
    }

    private static double capacity(Balancer balancer, boolean panic) {
        int all = balancer.all().size();
        return all == 0 ? 0 : panic ? 1 : Math.min(1, OVERPROVISIONING * balancer.healthy() / all);
    }

    /** An index by chance, as often as the weights say; the first where they say nothing. */
    private static int drawn(double[] weights) {
        double sum = 0;
        for (double weight : weights) {
            sum += weight;
        }
        double point = sum <= 0 ? 0 : ThreadLocalRandom.current().nextDouble(sum);
        int last = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                last = i;
                point -= weights[i];
                if (point < 0) {
                    return i;
                }
            }
        }
        return last;
    }
}
