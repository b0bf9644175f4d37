package dev.holdfast.app.cli;

import dev.holdfast.dataplane.DataPlane;
import dev.holdfast.resource.read.ManifestReader;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code holdfast}: exit status 0 is well, 1 problems were found, 2 wrong usage or unreadable input. */
@Command(
        name = "holdfast",
        mixinStandardHelpOptions = true,
        version = "holdfast 0.1.0",
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND",
        description = "A gateway that keeps long-lived connections alive and the pages beside them fast.")
public final class Main implements Runnable {
    private static final Map<String, Supplier<Object>> COMMANDS = new LinkedHashMap<>();

    /** Commands that read manifests at once; the language they are checked in loads while picocli does. */
    private static final Set<String> READING = Set.of("demo", "run", "check", "translate");

    private static final Set<String> SERVING = Set.of("demo", "run");

    static {
        COMMANDS.put("demo", DemoCommand::new);
        COMMANDS.put("run", RunCommand::new);
        COMMANDS.put("check", CheckCommand::new);
        COMMANDS.put("doctor", DoctorCommand::new);
        COMMANDS.put("translate", TranslateCommand::new);
        COMMANDS.put("streams", StreamsCommand::new);
        COMMANDS.put("envoy-bootstrap", EnvoyBootstrapCommand::new);
        COMMANDS.put("envoy-drain", EnvoyDrainCommand::new);
        COMMANDS.put("train", TrainCommand::new);
    }

    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    public static void main(String[] args) {
        if (args.length > 0 && READING.contains(args[0])) {
            beside(ManifestReader::warm);
        }
        if (args.length > 0 && SERVING.contains(args[0])) {
            beside(DataPlane::warm);
        }
        System.exit(commandLine(args).execute(args));
    }

    private static void beside(Runnable warming) {
        Thread.ofPlatform().daemon().name("warming").start(warming);
    }

    /** Only the command that is named is made ready, for picocli reads each by reflection; help needs them all. */
    static CommandLine commandLine(String... args) {
        CommandLine line = new CommandLine(new Main());
        Supplier<Object> named = args.length == 0 ? null : COMMANDS.get(args[0]);
        if (named != null) {
            line.addSubcommand(named.get());
        } else {
            COMMANDS.values().forEach(command -> line.addSubcommand(command.get()));
        }
        return line.setUsageHelpAutoWidth(true).setExecutionExceptionHandler((failure, command, parsed) -> {
            command.getErr().println("holdfast: " + reason(failure));
            if (System.getenv("HOLDFAST_DEBUG") != null) {
                failure.printStackTrace(command.getErr());
            } else if (failure instanceof RuntimeException) {
                command.getErr().println("This is a defect of ours. HOLDFAST_DEBUG=1 shows where it happened.");
            }
            return 2;
        });
    }

    private static String reason(Exception failure) {
        String message = failure.getMessage();
        return message == null ? failure.getClass().getSimpleName() : message;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "Name a command: demo, run, check, doctor, translate, streams or envoy-bootstrap.");
    }
}
