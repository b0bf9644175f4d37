package dev.holdfast.bench;

import dev.holdfast.plan.Plan;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * {@code Translating ROUTES}: writes so many HTTPRoutes, each with a Service, into files of a folder of its own; then reads,
 * validates and translates them, first in a cold JVM and then again, and after one route has changed. Prints one line of
 * JSON: milliseconds of wall and processor time, peak memory in MB.
 */
public final class Translating {
    private static final int AGAIN = 8;

    private Translating() {}

    private record Took(double wall, double processor) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "{\"ms\": %.0f, \"cpu_ms\": %.0f}", wall, processor);
        }
    }

    public static void main(String[] args) throws IOException {
        int routes = Integer.parseInt(args[0]);
        Path folder = Files.createTempDirectory("translating");
        ManyRoutes many = new ManyRoutes(routes);
        many.write(folder);
        ManifestReader reader = new ManifestReader();
        Translator translator = new Translator();
        ReadResult[] read = new ReadResult[1];
        Plan[] plan = new Plan[1];
        Took readCold = time(() -> read[0] = reader.readAgain(List.of(folder)));
        Took planCold = time(() -> plan[0] = translator.translateAgain(read[0].resources(), TranslateOptions.NONE));
        if (plan[0].clusters().size() != routes || read[0].hasErrors()) {
            throw new IllegalStateException(plan[0].clusters().size() + " clusters, " + read[0].problems());
        }
        Took readWarm = readCold;
        Took planWarm = planCold;
        for (int i = 0; i < AGAIN; i++) {
            readWarm = time(() -> read[0] = ManifestReader.read(List.of(folder)));
            planWarm = time(() -> plan[0] = Translator.translate(read[0].resources(), TranslateOptions.NONE));
        }
        Took readOne = readWarm;
        Took planOne = planWarm;
        for (int i = 0; i < AGAIN; i++) {
            many.change(folder, 11 + i);
            Plan before = plan[0];
            readOne = time(() -> read[0] = reader.readAgain(List.of(folder)));
            planOne = time(() -> plan[0] = translator.translateAgain(read[0].resources(), TranslateOptions.NONE));
            if (!plan[0].equals(Translator.translate(read[0].resources(), TranslateOptions.NONE))) {
                throw new IllegalStateException("the plan differs from one made from scratch");
            }
            if (before.equals(plan[0])) {
                throw new IllegalStateException("the change did not arrive");
            }
        }
        System.out.println("{\"routes\": " + routes + ", \"cold\": {\"read\": " + readCold + ", \"translate\": "
                + planCold
                + "}, \"warm\": {\"read\": " + readWarm + ", \"translate\": " + planWarm
                + "}, \"one changed\": {\"read\": " + readOne + ", \"translate\": " + planOne + "}, \"peak_mb\": "
                + ManagementFactory.getMemoryPoolMXBeans().stream()
                                .mapToLong(Translating::peak)
                                .sum()
                        / 1_000_000
                + "}");
    }

    private static long peak(MemoryPoolMXBean pool) {
        return pool.getPeakUsage().getUsed();
    }

    private static Took time(Runnable work) {
        long wall = System.nanoTime();
        long processor = processor();
        work.run();
        return new Took((System.nanoTime() - wall) / 1e6, (processor() - processor) / 1e6);
    }

    private static long processor() {
        return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getProcessCpuTime();
    }
}
