package dev.holdfast.bench;

import dev.holdfast.plan.Plan;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * {@code Translating ROUTES}: writes so many HTTPRoutes, each with a Service, into files of a folder of its own; then reads,
 * validates and translates them: first in a cold JVM, then after one route has changed, then from scratch in a JVM that is
 * warm by then, the median of some turns of each. Prints one line of JSON: milliseconds of wall and processor time, and the
 * largest resident size until the first plan in MB (0 where {@code /proc} is not there to say). With a folder after the
 * number it writes the files there, and that is all.
 */
public final class Translating {
    private static final int AGAIN = 9;

    private Translating() {}

    private record Took(double wall, double processor) {
        @Override
        public String toString() {
            return String.format(Locale.ROOT, "{\"ms\": %.1f, \"cpu_ms\": %.1f}", wall, processor);
        }
    }

    public static void main(String[] args) throws IOException {
        int routes = Integer.parseInt(args[0]);
        ManyRoutes many = new ManyRoutes(routes);
        if (args.length > 1) {
            many.write(Path.of(args[1]));
            return;
        }
        Path folder = Files.createTempDirectory("translating");
        many.write(folder);
        ManifestReader reader = new ManifestReader();
        Translator translator = new Translator();
        ReadResult[] read = new ReadResult[1];
        Plan[] plan = new Plan[1];
        Took readCold = time(() -> read[0] = reader.readAgain(List.of(folder)));
        Took planCold = time(() -> plan[0] = translator.translateAgain(read[0].resources(), TranslateOptions.NONE));
        long peak = peakMegabytes();
        if (plan[0].clusters().size() != routes || read[0].hasErrors()) {
            throw new IllegalStateException(plan[0].clusters().size() + " clusters, " + read[0].problems());
        }
        List<Took> readOne = new ArrayList<>();
        List<Took> planOne = new ArrayList<>();
        for (int i = 0; i < AGAIN; i++) {
            many.change(folder, 11 + i);
            Plan before = plan[0];
            readOne.add(time(() -> read[0] = reader.readAgain(List.of(folder))));
            planOne.add(time(() -> plan[0] = translator.translateAgain(read[0].resources(), TranslateOptions.NONE)));
            if (before.equals(plan[0])) {
                throw new IllegalStateException("the change did not arrive");
            }
        }
        if (!plan[0].equals(Translator.translate(read[0].resources(), TranslateOptions.NONE))) {
            throw new IllegalStateException("the plan differs from one made from scratch");
        }
        List<Took> readWarm = new ArrayList<>();
        List<Took> planWarm = new ArrayList<>();
        for (int i = 0; i < AGAIN; i++) {
            readWarm.add(time(() -> read[0] = ManifestReader.read(List.of(folder))));
            planWarm.add(time(() -> plan[0] = Translator.translate(read[0].resources(), TranslateOptions.NONE)));
        }
        System.out.println("{\"routes\": " + routes + ", \"cold\": {\"read\": " + readCold + ", \"translate\": "
                + planCold
                + "}, \"warm\": {\"read\": " + median(readWarm) + ", \"translate\": " + median(planWarm)
                + "}, \"one changed\": {\"read\": " + median(readOne) + ", \"translate\": " + median(planOne)
                + "}, \"peak_mb\": " + peak + "}");
        delete(folder);
    }

    private static Took median(List<Took> of) {
        return new Took(
                of.stream()
                        .mapToDouble(Took::wall)
                        .sorted()
                        .skip(of.size() / 2)
                        .findFirst()
                        .orElseThrow(),
                of.stream()
                        .mapToDouble(Took::processor)
                        .sorted()
                        .skip(of.size() / 2)
                        .findFirst()
                        .orElseThrow());
    }

    private static long peakMegabytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream()
                .filter(l -> l.startsWith("VmHWM:"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("[^0-9]", "")) * 1024 / 1_000_000)
                .findFirst()
                .orElse(0);
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            for (Path file : all.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
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
