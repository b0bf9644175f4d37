package dev.holdfast.doctor.report;

import dev.holdfast.doctor.explain.Cure;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.explain.Level;
import dev.holdfast.doctor.explain.Mending;
import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Exam;
import dev.holdfast.doctor.probe.ReachProbe;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.wire.Secrets;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.edit.Diff;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The report for a person: readings in a line each, then findings with cures. Colour only where asked for. */
public final class TextReport {
    private static final int WIDTH = 110;
    private static final int PROBLEMS = 10;

    private final boolean colour;
    private final boolean verbose;
    private final Secrets secrets;

    public TextReport(boolean colour, boolean verbose) {
        this(colour, verbose, Secrets.NONE);
    }

    /** {@code secrets} for single lines; a whole report brings its own. */
    private TextReport(boolean colour, boolean verbose, Secrets secrets) {
        this.colour = colour;
        this.verbose = verbose;
        this.secrets = secrets;
    }

    public String render(Report report) {
        return new TextReport(colour, verbose, report.options().secrets()).text(report);
    }

    private String text(Report report) {
        StringBuilder out = new StringBuilder();
        out.append(bold("holdfast doctor")).append("  ").append(report.target());
        report.options()
                .connect()
                .ifPresent(c -> out.append("  at ").append(c.host()).append(':').append(c.port()));
        out.append(report.application().map(a -> "  (" + a.title() + ")").orElse(""))
                .append("\n\n");
        for (Report.Entry entry : report.readings()) {
            out.append(line(entry.reading(), isAtFault(report, entry.reading())))
                    .append('\n');
        }
        if (report.cannot().isPresent()) {
            return out.append('\n')
                    .append(red("cannot probe"))
                    .append(": ")
                    .append(report.cannot().get())
                    .append('\n')
                    .toString();
        }
        report.findings().forEach(f -> finding(out, f));
        if (!report.manifestProblems().isEmpty()) {
            out.append('\n').append(bold("About the manifests of this URL")).append(" (they change no exit status)\n");
            FileDiffs diffs = new FileDiffs();
            report.manifestProblems().stream().limit(PROBLEMS).forEach(p -> problem(out, p, diffs));
            if (report.manifestProblems().size() > PROBLEMS) {
                out.append("  and ")
                        .append(report.manifestProblems().size() - PROBLEMS)
                        .append(" more, which holdfast check names\n");
            }
        }
        if (verbose) {
            out.append('\n').append(bold("On the wire")).append(" (number of the connection; > sent, < received)\n");
            report.wire()
                    .forEach(line -> out.append("  ").append(printable(line)).append('\n'));
        }
        return out.append('\n').append(summary(report)).append('\n').toString();
    }

    /** A reading's line, as it is also shown while probing. */
    public String line(Reading reading, boolean atFault) {
        String mark = switch (reading) {
            case Reading.Failed failed -> red("✗");
            case Reading.Skipped skipped -> dim("–");
            case ReachProbe.Reach reach when reach.best().isEmpty() -> red("✗");
            default -> atFault ? yellow("!") : green("✓");
        };
        String text = "%-19s %s".formatted(reading.probe(), printable(secrets.hide(reading.line())));
        return "  " + mark + " " + (reading instanceof Reading.Skipped ? dim(text) : text);
    }

    private static boolean isAtFault(Report report, Reading reading) {
        return report.findings().stream()
                .anyMatch(f -> f.counts() && f.code().probe().equals(reading.probe()));
    }

    private void finding(StringBuilder out, Finding finding) {
        out.append('\n')
                .append(level(finding.level()))
                .append("  ")
                .append(bold(finding.code().title()))
                .append("  ");
        out.append(dim("[" + finding.code() + "]")).append('\n');
        finding.seen().forEach(s -> out.append(wrap("   seen  ", "         ", printable(secrets.hide(s)))));
        out.append(wrap("         ", "         ", finding.meaning()));
        finding.atFault()
                .forEach(b -> out.append(
                        wrap("   fault ", "         ", bold(b.origin().toString()) + ": " + b.what())));
        int number = 1;
        boolean several = finding.cures().stream().filter(Cure::helps).count() > 1;
        for (Cure cure : finding.cures()) {
            String label = !cure.helps() ? "   no cure " : several ? "   cure %d ".formatted(number++) : "   cure   ";
            out.append(wrap(label, "          ", cure.what()));
            out.append(wrap(cure.helps() ? "          price: " : "          does: ", "          ", cure.price()));
            for (Mending mending : cure.mendings()) {
                out.append("          ").append(dim(mending.forWhom() + ":")).append('\n');
                mending.text()
                        .lines()
                        .forEach(l -> out.append(" ".repeat(12)).append(l).append('\n'));
            }
        }
    }

    private static void problem(StringBuilder out, Problem problem, FileDiffs diffs) {
        Optional<Diff> diff = diffs.diff(problem);
        out.append(
                (diff.isPresent() ? problem.withFixYaml("") : problem).render().indent(2));
        diff.ifPresent(d -> out.append(diffs.shown(problem, d).indent(6)));
    }

    private String summary(Report report) {
        long counted = report.findings().stream().filter(Finding::counts).count();
        String verdict = counted == 0 ? green("healthy") : red(counted + (counted == 1 ? " finding" : " findings"));
        return verdict
                + dim("  " + report.connections() + " connections, " + report.requests() + " requests, "
                        + Exam.millis(report.took())
                        + report.application().map(TextReport::known).orElse(""));
    }

    private static String known(Application application) {
        return "; recognised " + application.title();
    }

    private String level(Level level) {
        return switch (level) {
            case ERROR -> red("ERROR  ");
            case WARNING -> yellow("WARNING");
            case NOTE -> dim("NOTE   ");
        };
    }

    /** What a stranger sent must not steer the terminal. */
    private static String printable(String text) {
        return text.replaceAll("[\\p{Cntrl}&&[^\\n]]", "·")
                .replaceAll("[\\u0080-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]", "·");
    }

    private static String wrap(String first, String next, String text) {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder(first);
        boolean empty = true;
        for (String word : text.split("\\s+")) {
            if (!empty && line.length() + word.length() + 1 > WIDTH) {
                lines.add(line.toString());
                line = new StringBuilder(next);
                empty = true;
            }
            line.append(empty ? "" : " ").append(word);
            empty = false;
        }
        lines.add(line.toString());
        return String.join("\n", lines) + "\n";
    }

    private String bold(String text) {
        return paint("1", text);
    }

    private String dim(String text) {
        return paint("2", text);
    }

    private String red(String text) {
        return paint("31", text);
    }

    private String yellow(String text) {
        return paint("33", text);
    }

    private String green(String text) {
        return paint("32", text);
    }

    private String paint(String code, String text) {
        return colour ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
    }
}
