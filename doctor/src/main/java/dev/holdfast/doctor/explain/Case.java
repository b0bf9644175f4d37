package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.ExtendedConnectProbe.ExtendedConnect;
import dev.holdfast.doctor.probe.Handshake;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.OriginProbe.Origins;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.Reading;
import dev.holdfast.doctor.probe.Readings;
import dev.holdfast.doctor.probe.RepeatProbe.Repeats;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.probe.TlsProbe.Tls;
import dev.holdfast.doctor.probe.UpgradeProbe.Upgrade;
import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.WireException.Kind;
import java.util.Optional;

/** What the rules look at. */
record Case(Target target, Options options, Readings readings, Manifests manifests) {
    <T extends Reading> Optional<T> find(Class<T> type) {
        return readings.find(type);
    }

    Optional<Application> application() {
        return Application.recognise(target, readings);
    }

    boolean is(Application which) {
        return application().filter(which::equals).isPresent();
    }

    Optional<Tls> tls() {
        return find(Tls.class);
    }

    /** HTTP/2 comes through and HTTP/1.1 does not, be it by ALPN or by cutting what is not HTTP/2. */
    boolean refusesHttp1() {
        boolean cut = pageByHttp2().isPresent()
                && readings.failed(PageProbe.HTTP1, Kind.CLOSED, Kind.RESET, Kind.NOT_HTTP, Kind.TLS);
        return tls().filter(t -> t.speaksHttp2() && (!t.speaksHttp1() || cut)).isPresent();
    }

    Optional<Handshake> handshake() {
        return find(Upgrade.class).map(Upgrade::handshake);
    }

    boolean webSocketStands() {
        return handshake().filter(Handshake::stands).isPresent();
    }

    /** The same handshake comes through and fails by turns: no single answer to one says anything. */
    boolean intermittent() {
        return find(Repeats.class).filter(Repeats::mixed).isPresent();
    }

    Optional<ExtendedConnect> extendedConnect() {
        return find(ExtendedConnect.class);
    }

    Optional<Origins> origins() {
        return find(Origins.class);
    }

    Optional<Answer> pageByHttp1() {
        return find(PageProbe.Http1Page.class).map(p -> p.page().last());
    }

    Optional<Answer> pageByHttp2() {
        return find(PageProbe.Http2Page.class).map(p -> p.page().last());
    }

    /** By whichever version it came. */
    Optional<Answer> page() {
        return pageByHttp1().or(this::pageByHttp2);
    }

    Yaml yaml() {
        return new Yaml(manifests);
    }

    /** {@code probe: line} of a reading, as evidence. */
    String seen(String probe) {
        return readings.all().stream()
                .filter(r -> r.probe().equals(probe))
                .findFirst()
                .map(r -> probe + ": " + r.line())
                .orElse(probe + ": not asked");
    }
}
