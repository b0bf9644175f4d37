package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Header;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Applications whose own settings often are the cause; known by what they send. */
public enum Application {
    HOME_ASSISTANT("Home Assistant", "/api/websocket", Duration.ofSeconds(55)),
    CODE_SERVER("code-server", "/", Duration.ZERO),
    N8N("n8n", "/rest/push?pushRef=holdfast-doctor", Duration.ZERO),
    GRAFANA("Grafana", "/api/live/ws", Duration.ofSeconds(25));

    private final String title;
    private final String webSocketPath;
    private final Duration ping;

    Application(String title, String webSocketPath, Duration ping) {
        this.title = title;
        this.webSocketPath = webSocketPath;
        this.ping = ping;
    }

    public String title() {
        return title;
    }

    /** How often its WebSocket says something of its own accord; zero where that is not known. */
    public Duration ping() {
        return ping;
    }

    public String webSocketPath() {
        return webSocketPath;
    }

    /** By the answers to pages and handshakes so far, and by the path the user named. */
    public static Optional<Application> recognise(Target target, Readings readings) {
        List<Answer> answers = Stream.of(
                        readings.find(PageProbe.Http1Page.class).stream()
                                .flatMap(p -> Stream.concat(p.page().answers().stream(), p.front().stream())),
                        readings.find(PageProbe.Http2Page.class).stream().flatMap(p -> p.page().answers().stream()),
                        readings.find(UpgradeProbe.Upgrade.class).stream()
                                .flatMap(u -> u.handshake().answer().stream()))
                .flatMap(a -> a)
                .toList();
        boolean authRequired = readings.find(UpgradeProbe.Upgrade.class).stream()
                .flatMap(u -> u.handshake().frames().stream())
                .anyMatch(f -> f.text().contains("auth_required") || f.text().contains("ha_version"));
        boolean invalidOrigin = readings.find(UpgradeProbe.Upgrade.class)
                .filter(u -> u.handshake().says("Invalid origin!"))
                .isPresent();
        if (authRequired || answers.stream().anyMatch(a -> isHomeAssistant(target, a))) {
            return Optional.of(HOME_ASSISTANT);
        }
        if (invalidOrigin || answers.stream().anyMatch(a -> isN8n(target, a))) {
            return Optional.of(N8N);
        }
        if (answers.stream().anyMatch(a -> isGrafana(target, a))) {
            return Optional.of(GRAFANA);
        }
        return answers.stream().anyMatch(Application::isCodeServer) ? Optional.of(CODE_SERVER) : Optional.empty();
    }

    private static boolean isHomeAssistant(Target target, Answer answer) {
        return answer.contains("<title>Home Assistant</title>")
                || answer.contains("home-assistant-main")
                || target.path().startsWith("/api/websocket")
                        && Header.first(answer.headers(), "server").orElse("").contains("aiohttp")
                || isForwardedRefusal(answer);
    }

    /** What Home Assistant answers to everything while it distrusts the proxy. */
    private static boolean isForwardedRefusal(Answer answer) {
        return answer.status() == 400
                && answer.text().strip().equals("400: Bad Request")
                && answer.header("content-type").orElse("").startsWith("text/plain");
    }

    private static boolean isN8n(Target target, Answer answer) {
        return answer.contains("n8n.io - Workflow Automation")
                || answer.contains("<title>n8n")
                || answer.contains("window.BASE_PATH") && answer.contains("n8n")
                || target.path().startsWith("/rest/push");
    }

    private static boolean isGrafana(Target target, Answer answer) {
        return answer.contains("<title>Grafana</title>")
                || answer.contains("grafanaBootData")
                || target.path().startsWith("/api/live/ws");
    }

    private static boolean isCodeServer(Answer answer) {
        return answer.contains("code-server") || answer.contains("coder-options");
    }
}
