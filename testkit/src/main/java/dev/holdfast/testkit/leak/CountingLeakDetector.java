package dev.holdfast.testkit.leak;

import io.netty.util.ResourceLeakDetector;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Netty's leak detector (io.netty.customResourceLeakDetector), whose reports a test can ask for. */
public final class CountingLeakDetector<T> extends ResourceLeakDetector<T> {
    /** Of leaks so far, each with where its buffer was last touched. */
    public static final List<String> REPORTS = new CopyOnWriteArrayList<>();

    @SuppressWarnings("deprecation")
    public CountingLeakDetector(Class<?> type, int samplingInterval) {
        super(type, samplingInterval);
    }

    @SuppressWarnings("deprecation")
    public CountingLeakDetector(Class<?> type, int samplingInterval, long maxActive) {
        super(type, samplingInterval, maxActive);
    }

    @Override
    protected void reportTracedLeak(String type, String records) {
        REPORTS.add(type + records);
        super.reportTracedLeak(type, records);
    }

    @Override
    protected void reportUntracedLeak(String type) {
        REPORTS.add(type);
        super.reportUntracedLeak(type);
    }
}
