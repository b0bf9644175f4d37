package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.WebSocket;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** The handshake again with other Origin and Host headers: who is let in, and who is kept out for no reason? */
public final class OriginProbe implements Probe {
    public static final String NAME = "origin";
    /** A name that RFC 2606 keeps from everybody. */
    public static final String FOREIGN = "https://holdfast-doctor.example";

    @Override
    public String name() {
        return NAME;
    }

    /** Which header was changed. */
    public enum Variant {
        NO_ORIGIN("without Origin"),
        FOREIGN_ORIGIN("Origin of another site"),
        HOST_WITH_PORT("Host with its default port"),
        /** Where the port is not the default one: let in, it shows that a hop loses the port of Host. */
        ORIGIN_WITHOUT_PORT("Origin without the port"),
        ORIGIN_OF_CONNECT("Origin of the given address"),
        /** Let in where the own handshake is not, it shows that a hop replaces Host and does not say by what. */
        FORWARDED_HOST("with X-Forwarded-Host"),
        /** What two proxies make of it that each add it. */
        FORWARDED_HOST_TWICE("with X-Forwarded-Host twice");

        private final String text;

        Variant(String text) {
            this.text = text;
        }

        public String text() {
            return text;
        }
    }

    public record Origins(Handshake own, Map<Variant, Handshake> variants) implements Reading {
        public Origins {
            variants = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(variants));
        }

        @Override
        public String probe() {
            return NAME;
        }

        public boolean stands(Variant variant) {
            Handshake handshake = variants.get(variant);
            return handshake != null && handshake.stands();
        }

        /** Refused by its own answer or Close, rather than cut or failed for another reason. */
        public boolean refuses(Variant variant) {
            Handshake handshake = variants.get(variant);
            return handshake != null
                    && (handshake.status() / 100 == 4 || handshake.close().isPresent());
        }

        /**
         * Another Origin, another Host or none at all gets further: whatever becomes of the handshake then, its own Origin
         * is what was refused.
         */
        public boolean refusesOwn() {
            return !own.stands()
                    && (stands(Variant.NO_ORIGIN)
                            || stands(Variant.FOREIGN_ORIGIN)
                            || stands(Variant.ORIGIN_OF_CONNECT)
                            || stands(Variant.HOST_WITH_PORT)
                            || stands(Variant.FORWARDED_HOST)
                            || stands(Variant.ORIGIN_WITHOUT_PORT)
                            || loginComesFirst());
        }

        /** Without Origin a login is asked for, and with the own one not even that: Origin is looked at before the login. */
        private boolean loginComesFirst() {
            Handshake without = variants.get(Variant.NO_ORIGIN);
            return own.status() == 403
                    && without != null
                    && (without.status() == 401 || without.status() == 302 || without.switched());
        }

        @Override
        public String line() {
            return "own Origin " + word(own) + ", "
                    + variants.entrySet().stream()
                            .map(e -> e.getKey().text() + " " + word(e.getValue()))
                            .collect(Collectors.joining(", "));
        }

        private static String word(Handshake handshake) {
            if (handshake.stands()) {
                return "let in";
            }
            return handshake
                    .close()
                    .map(c -> "closed with " + c.closeCode())
                    .orElse(handshake.status() > 0 ? "refused with " + handshake.status() : "got no answer");
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("own", own.facts());
            variants.forEach((k, v) -> facts.put(k.name(), v.facts()));
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        UpgradeProbe.Upgrade upgrade =
                exam.readings().find(UpgradeProbe.Upgrade.class).orElse(null);
        if (upgrade == null || upgrade.handshake().answer().isEmpty()) {
            return new Reading.Skipped(NAME, "the handshake got no answer to compare with");
        }
        if (!upgrade.handshake().switched()
                && upgrade.handshake().status() != 403
                && upgrade.handshake().status() != 401
                && upgrade.handshake().status() != 400
                && upgrade.handshake().status() != 404) {
            return new Reading.Skipped(
                    NAME, "the handshake was answered " + upgrade.handshake().status());
        }
        List<Variant> which = new ArrayList<>(List.of(
                Variant.NO_ORIGIN, Variant.FOREIGN_ORIGIN, Variant.FORWARDED_HOST, Variant.FORWARDED_HOST_TWICE));
        which.add(exam.target().defaultPort() ? Variant.HOST_WITH_PORT : Variant.ORIGIN_WITHOUT_PORT);
        if (exam.options().connect().isPresent()) {
            which.add(Variant.ORIGIN_OF_CONNECT);
        }
        List<Callable<Handshake>> tasks = new ArrayList<>();
        for (Variant variant : which) {
            tasks.add(() -> Handshake.by(exam, request(exam, upgrade.path(), variant)));
        }
        List<Handshake> results = Exam.together(tasks);
        Map<Variant, Handshake> variants = new LinkedHashMap<>();
        for (int i = 0; i < which.size(); i++) {
            variants.put(which.get(i), results.get(i));
        }
        return new Origins(upgrade.handshake(), variants);
    }

    private static Request request(Exam exam, String path, Variant variant) {
        Request own = exam.upgrade(path, WebSocket.newKey());
        return switch (variant) {
            case NO_ORIGIN -> own.without("origin");
            case FOREIGN_ORIGIN -> own.with(List.of(new Header("Origin", FOREIGN)));
            case HOST_WITH_PORT ->
                own.with(List.of(new Header("Host", exam.target().authorityWithPort())));
            case FORWARDED_HOST ->
                own.with(List.of(new Header("X-Forwarded-Host", exam.target().authority())));
            case FORWARDED_HOST_TWICE ->
                own.with(List.of(new Header(
                        "X-Forwarded-Host",
                        exam.target().authority() + ", " + exam.target().authority())));
            case ORIGIN_WITHOUT_PORT -> own.with(List.of(new Header("Origin", originWithoutPort(exam.target()))));
            case ORIGIN_OF_CONNECT ->
                own.with(List.of(new Header(
                        "Origin",
                        exam.target().scheme() + "://"
                                + exam.options()
                                        .connect()
                                        .map(c -> c.host() + ":" + c.port())
                                        .orElse(""))));
        };
    }

    private static String originWithoutPort(Target target) {
        return target.origin().substring(0, target.origin().lastIndexOf(':'));
    }
}
