package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.options;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Applications are recognised, and the setting of theirs is named. */
class ApplicationTest {
    private static final String URL = "http://" + HOST + "/";

    private static String text(Report report) {
        return new TextReport(false, false).render(report);
    }

    @Test
    void homeAssistantThatDoesNotTrustThisMachineIsSound() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.headers.containsKey("X-Forwarded-For")) {
                call.answer(400, "text/plain; charset=utf-8", "400: Bad Request", "Server: Python/3.13 aiohttp/3.12");
            } else if (call.path().equals("/api/websocket") && call.isUpgrade()) {
                call.accept();
                call.text("{\"type\":\"auth_required\",\"ha_version\":\"2026.8\"}");
                call.echo();
            } else {
                call.page("<title>Home Assistant</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).contains(Code.HOME_ASSISTANT_TRUSTED_PROXIES);
            assertThat(report.application()).contains(Application.HOME_ASSISTANT);
            assertThat(text(report))
                    .contains("use_x_forwarded_for: true", "trusted_proxies:", "Is the gateway?")
                    .doesNotContain("fail behind any gateway");
            assertThat(peer.requests).anyMatch(r -> r.contains("/api/websocket"));
        }
    }

    @Test
    void homeAssistantBehindAGatewayItDoesNotTrust() throws Exception {
        try (RawPeer peer = new RawPeer(
                call -> call.answer(400, "text/plain; charset=utf-8", "400: Bad Request", "server: envoy"))) {
            Report report = examine("ws://" + HOST + "/api/websocket", peer.port());
            assertThat(codes(report)).containsExactly(Code.HOME_ASSISTANT_TRUSTED_PROXIES);
            assertThat(text(report)).contains("Here the gateway adds the header to every request", "trusted_proxies:");
        }
    }

    @Test
    void codeServerWithAnotherHost() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade() && call.headers.containsKey("Origin")) {
                call.answer(403, "text/plain", "Forbidden");
            } else if (call.isUpgrade()) {
                RawPeer.healthy(call);
            } else {
                call.page("<title>code-server login</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).containsExactly(Code.CODE_SERVER_ORIGIN);
            assertThat(text(report)).contains("--trusted-origins " + HOST);
        }
    }

    /** As it is set up by default: the Origin is looked at first, then the login. */
    @Test
    void codeServerWithAnotherHostBeforeTheLogin() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade()) {
                call.answer(call.headers.containsKey("Origin") ? 403 : 401, "text/plain", "");
            } else {
                call.page("<title>code-server login</title>");
            }
        })) {
            assertThat(codes(examine(URL, peer.port()))).containsExactly(Code.CODE_SERVER_ORIGIN);
            assertThat(codes(examine("ws://" + HOST + "/", peer.port()))).containsExactly(Code.CODE_SERVER_ORIGIN);
        }
    }

    @Test
    void anApplicationThatWantsALoginIsSound() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade()) {
                call.answer(401, "application/json", "{\"message\":\"Unauthorized\"}");
            } else {
                call.page("<title>Grafana</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).contains(Code.UPGRADE_UNAUTHORIZED);
            assertThat(codes(examine("ws://" + HOST + "/api/live/ws", peer.port())))
                    .containsExactly(Code.UPGRADE_UNAUTHORIZED);
        }
    }

    @Test
    void n8nWithAnotherHost() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade()) {
                call.accept();
                call.text("Invalid origin!");
                call.close(1008, "Invalid origin!");
            } else {
                call.page("<title>n8n.io - Workflow Automation</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).containsExactly(Code.N8N_ORIGIN);
            assertThat(text(report)).contains("N8N_EDITOR_BASE_URL=http://" + HOST + "/");
        }
    }

    @Test
    void grafanaWithAnotherRootUrl() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade() && call.headers.containsKey("Origin")) {
                call.answer(403, "text/plain", "");
            } else if (call.isUpgrade()) {
                RawPeer.healthy(call);
            } else {
                call.page("<title>Grafana</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).containsExactly(Code.GRAFANA_ORIGIN);
            assertThat(text(report)).contains("root_url = http://" + HOST + "/");
        }
    }

    @Test
    void grafanasLimitIsNotedBeforeItIsMet() throws Exception {
        try (RawPeer peer = new RawPeer(call -> {
            if (call.isUpgrade()) {
                RawPeer.healthy(call);
            } else {
                call.page("<title>Grafana</title>");
            }
        })) {
            Report report = examine(URL, peer.port());
            assertThat(codes(report)).isEmpty();
            assertThat(report.findings()).extracting(Finding::code).containsExactly(Code.GRAFANA_CONNECTION_LIMIT);
            assertThat(text(report)).contains("max_connections");
        }
    }

    @Test
    void grafanaWithAllConnectionsTaken() throws Exception {
        AtomicInteger open = new AtomicInteger();
        try (RawPeer peer = new RawPeer(call -> {
            if (!call.isUpgrade() || call.isForeign()) {
                if (call.isUpgrade()) {
                    RawPeer.healthy(call);
                } else {
                    call.page("<title>Grafana</title>");
                }
                return;
            }
            try {
                if (open.incrementAndGet() > 6) {
                    call.answer(503, "text/plain", "");
                } else {
                    RawPeer.healthy(call);
                }
            } finally {
                open.decrementAndGet();
            }
        })) {
            Report report = examine(URL, options(peer.port()).streams(20));
            assertThat(codes(report)).containsExactly(Code.GRAFANA_CONNECTION_LIMIT);
            assertThat(text(report)).contains("max_connections");
        }
    }
}
