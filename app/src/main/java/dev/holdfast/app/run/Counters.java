package dev.holdfast.app.run;

import dev.holdfast.console.Figures;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.distribution.CountAtBucket;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** The meters of all routes added up, for the console's graphs. */
final class Counters {
    private Counters() {}

    static Figures read(MeterRegistry registry, int streams) {
        long requests = 0;
        TreeMap<Double, Long> buckets = new TreeMap<>();
        for (Timer timer : registry.find("holdfast.request.duration").timers()) {
            requests += timer.count();
            for (CountAtBucket bucket : timer.takeSnapshot().histogramCounts()) {
                buckets.merge(bucket.bucket(TimeUnit.MILLISECONDS), (long) bucket.count(), Long::sum);
            }
        }
        // What took longer than the widest bucket is in none of them.
        buckets.merge(Double.POSITIVE_INFINITY, requests, Math::max);
        List<Figures.Bucket> latencies = new ArrayList<>();
        buckets.forEach((millis, count) -> latencies.add(new Figures.Bucket(millis, count)));
        return new Figures(
                streams,
                requests,
                sum(registry, "holdfast.requests.failed"),
                sum(registry, "holdfast.bytes.from.client") + sum(registry, "holdfast.bytes.to.client"),
                latencies);
    }

    private static long sum(MeterRegistry registry, String counter) {
        double sum = 0;
        for (Counter one : registry.find(counter).counters()) {
            sum += one.count();
        }
        return (long) sum;
    }
}
