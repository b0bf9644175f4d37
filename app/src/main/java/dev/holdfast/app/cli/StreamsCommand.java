package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.app.run.AdminToken;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code holdfast streams}: the live streams of a gateway that runs on this machine. */
@Command(
        name = "streams",
        description = "Shows the live streams of a running gateway, and closes one.",
        subcommands = {StreamsCommand.Ls.class, StreamsCommand.Watch.class, StreamsCommand.Close.class})
final class StreamsCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Mixin
    private AdminOption admin = new AdminOption();

    @Override
    public Integer call() throws IOException, InterruptedException {
        return list(admin, spec, false);
    }

    @Command(name = "ls", description = "Lists them once.")
    static final class Ls implements Callable<Integer> {
        @Spec
        private @SuppressWarnings("NullAway.Init") CommandSpec spec;

        @Mixin
        private AdminOption admin = new AdminOption();

        @Override
        public Integer call() throws IOException, InterruptedException {
            return list(admin, spec, false);
        }
    }

    @Command(name = "watch", description = "Shows them anew each second, until Ctrl-C.")
    static final class Watch implements Callable<Integer> {
        @Spec
        private @SuppressWarnings("NullAway.Init") CommandSpec spec;

        @Mixin
        private AdminOption admin = new AdminOption();

        @Option(
                names = "--count",
                paramLabel = "N",
                defaultValue = "0",
                description = "Stops after N times (default: never).")
        private int count;

        @Override
        public Integer call() throws IOException, InterruptedException {
            boolean terminal = System.console() != null && System.console().isTerminal();
            for (int i = 0; count == 0 || i < count; i++) {
                if (i > 0) {
                    TimeUnit.SECONDS.sleep(1);
                }
                if (terminal) {
                    // Cursor home (ECMA-48 CUP); the first time, on a clear screen (ED).
                    spec.commandLine().getOut().print(i == 0 ? "\u001b[2J\u001b[H" : "\u001b[H");
                }
                int code = list(admin, spec, terminal);
                if (code != 0) {
                    return code;
                }
            }
            return 0;
        }
    }

    @Command(
            name = "close",
            description = "Closes one: its client is told (WebSocket close 1001) and may connect again.")
    static final class Close implements Callable<Integer> {
        @Spec
        private @SuppressWarnings("NullAway.Init") CommandSpec spec;

        @Mixin
        private AdminOption admin = new AdminOption();

        @Parameters(paramLabel = "ID", description = "The stream's id, as ls shows it.")
        private @SuppressWarnings("NullAway.Init") String id;

        @Override
        public Integer call() throws IOException, InterruptedException {
            if (!id.matches("[0-9a-zA-Z]{1,20}")) {
                spec.commandLine().getErr().println("holdfast: " + id + " is not a stream's id");
                return 2;
            }
            HttpResponse<String> answer = ask(admin, "/api/streams/" + id, "DELETE");
            if (answer.statusCode() == 200) {
                spec.commandLine().getOut().println("closing " + id);
                return 0;
            }
            if (answer.statusCode() == 404) {
                spec.commandLine().getErr().println("holdfast: no open stream has the id " + id);
                return 1;
            }
            return refused(answer, spec);
        }
    }

    private static int list(AdminOption admin, CommandSpec spec, boolean over)
            throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        HttpResponse<String> answer = ask(admin, "/api/streams", "GET");
        if (answer.statusCode() != 200) {
            return refused(answer, spec);
        }
        JsonNode streams = new ObjectMapper().readTree(answer.body());
        String table = StreamsTable.of(streams, System.currentTimeMillis());
        // Where the screen is drawn over, each line clears what it leaves of the one before (ECMA-48 EL).
        out.print(over ? table.replace("\n", "\u001b[K\n") : table);
        if (over) {
            out.print("\u001b[J");
        }
        out.flush();
        return 0;
    }

    private static int refused(HttpResponse<String> answer, CommandSpec spec) {
        spec.commandLine()
                .getErr()
                .println(
                        answer.statusCode() == 401
                                ? "holdfast: the admin address wants its token; name the file that holds it with"
                                        + " --admin-token-file"
                                : "holdfast: the admin address answered " + answer.statusCode());
        return 2;
    }

    private static HttpResponse<String> ask(AdminOption admin, String path, String method)
            throws IOException, InterruptedException {
        InetSocketAddress address = admin.address();
        String host = address.getAddress().getHostAddress();
        Optional<String> token = admin.tokenFile().isPresent()
                ? Optional.of(AdminToken.read(admin.tokenFile().get()))
                : AdminToken.ofRunning(address.getPort());
        URI uri =
                URI.create("http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort() + path);
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build()) {
            HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .timeout(Duration.ofSeconds(10));
            token.ifPresent(t -> request.header("Authorization", "Bearer " + t));
            return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (ConnectException refused) {
            throw new IOException("no gateway answers at " + host + ":" + address.getPort()
                    + "; start one with ./holdfast run, or name its admin address with --admin");
        }
    }
}
