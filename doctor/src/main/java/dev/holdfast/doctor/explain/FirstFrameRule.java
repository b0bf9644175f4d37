package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Handshake;
import dev.holdfast.doctor.probe.OriginProbe.Origins;
import dev.holdfast.doctor.probe.UpgradeProbe;
import dev.holdfast.doctor.wire.WebSocket;
import dev.holdfast.doctor.wire.WireException.Kind;
import java.util.List;
import java.util.Optional;

/** A handshake that succeeded and a connection that did not stand for a second. */
final class FirstFrameRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Handshake> handshake =
                seen.handshake().filter(Handshake::switched).filter(Handshake::accepted);
        if (handshake.isEmpty() || handshake.get().stands() || seen.intermittent()) {
            return List.of();
        }
        Optional<WebSocket.Frame> close = handshake.get().close();
        if (close.isPresent()) {
            return closed(seen, close.get()).stream().toList();
        }
        boolean garbage = handshake
                .get()
                .end()
                .filter(e -> e.kind() == Kind.NOT_WEBSOCKET)
                .isPresent();
        return List.of(Finding.of(
                garbage ? Code.GARBAGE_AFTER_101 : Code.CUT_AT_ONCE,
                garbage
                        ? "The server says 101 and then speaks something else. A proxy that answers the handshake itself and"
                                + " forwards another answer's bytes, or a compressor that gets hold of the frames, does this."
                        : "The server says 101 and the connection ends without a Close frame; browsers report 1006 and nothing"
                                + " else. A hop agreed to the upgrade and then had no backend for it, treats the stream as a"
                                + " finished response, or the application crashed.",
                List.of(seen.seen(UpgradeProbe.NAME)),
                List.of(Cure.of(
                        "Ask the backend directly (--connect HOST:PORT). If it stands there, the hop before cuts it: look at"
                                + " its buffering, compression and timeouts; else look at the application's log.",
                        "none"))));
    }

    private static Optional<Finding> closed(Case seen, WebSocket.Frame close) {
        boolean origin = seen.origins().filter(Origins::refusesOwn).isPresent();
        if (origin || seen.is(Application.N8N) && close.closeCode() == 1008) {
            return Optional.empty();
        }
        String said = close.text().isEmpty() ? "" : " It says: \"" + close.text() + "\".";
        List<String> evidence = List.of(seen.seen(UpgradeProbe.NAME), seen.seen("origin"));
        return Optional.of(
                switch (close.closeCode()) {
                    case 1008 ->
                        Finding.of(
                                Code.CLOSED_1008,
                                "The handshake came through; the application itself closes because a policy of its own is not"
                                        + " met: a login, a token, or the Origin." + said
                                        + " The gateway is not at fault,"
                                        + " unless it changes Host or Origin on the way.",
                                evidence,
                                List.of(
                                        Cure.of(
                                                "Give the login the application expects (--header 'Cookie: …'), or the Origin"
                                                        + " it knows (--origin URL), and see whether it stands.",
                                                "none"),
                                        Cure.of(
                                                "Keep Host as the client sent it, port included, and Origin untouched, on every"
                                                        + " hop.",
                                                "none",
                                                new Mending("nginx", "proxy_set_header Host $http_host;"))));
                    case 1009 ->
                        Finding.of(
                                Code.CLOSED_1009,
                                "Somebody on the way has a limit for the size of a message or frame and it is smaller than the"
                                        + " first message." + said,
                                evidence,
                                List.of(Cure.of(
                                        "Raise the limit of the application or of a gateway that re-frames (Spring Cloud"
                                                + " Gateway: max-frame-payload-length 65536).",
                                        "more memory for each connection")));
                    case 1011 ->
                        Finding.of(
                                Code.CLOSED_1011,
                                "The application met an error of its own while opening the WebSocket." + said,
                                evidence,
                                List.of(Cure.of("Look at the application's log at this moment.", "none")));
                    default ->
                        Finding.of(
                                Code.CLOSED_AT_ONCE,
                                "The application closes within a second, with code " + close.closeCode() + "." + said
                                        + " 1001 and 1012 mean that it is going down or restarting, 1013 that it is"
                                        + " overloaded, 1000 that it had nothing to say.",
                                evidence,
                                List.of(Cure.of("Look at the application's log; try again in a minute.", "none")));
                });
    }
}
