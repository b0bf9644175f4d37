package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.envoy.Certificates.Pair;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The authority that signs, the one that is to follow it, and all that are trusted: what one Secret holds. A new one is trusted for a day
 * before it signs, and the old one until it has expired, so that no peer meets a certificate that it does not know.
 *
 * @param trusted PEM, one certificate after the other
 */
record Authorities(Pair signing, Optional<Pair> next, String trusted) {
    /** Until Secrets have come to all Pods, which takes a kubelet a minute or two. */
    static final Duration TO_BE_KNOWN = Duration.ofDays(1);

    static Authorities begin(Instant now) {
        Pair first = Certificates.authority(now);
        return new Authorities(first, Optional.empty(), first.certificate());
    }

    /** Empty where the Secret does not hold what we put into it. */
    static Optional<Authorities> read(Map<String, String> data) {
        if (!data.keySet().containsAll(List.of("ca.crt", "tls.crt", "tls.key"))
                || Certificates.each(data.getOrDefault("ca.crt", "")).isEmpty()
                || !Certificates.signedBy(data.getOrDefault("tls.crt", ""), data.getOrDefault("tls.crt", ""))) {
            return Optional.empty();
        }
        Optional<Pair> next = data.containsKey("next.crt") && data.containsKey("next.key")
                ? Optional.of(new Pair(data.getOrDefault("next.crt", ""), data.getOrDefault("next.key", "")))
                : Optional.empty();
        return Optional.of(new Authorities(
                new Pair(data.getOrDefault("tls.crt", ""), data.getOrDefault("tls.key", "")),
                next,
                data.getOrDefault("ca.crt", "")));
    }

    Map<String, String> data() {
        Map<String, String> out = new TreeMap<>();
        out.put("ca.crt", trusted);
        out.put("tls.crt", signing.certificate());
        out.put("tls.key", signing.key());
        next.ifPresent(pair -> {
            out.put("next.crt", pair.certificate());
            out.put("next.key", pair.key());
        });
        return out;
    }

    /** What they are at a later time; themselves where nothing is due. */
    Authorities at(Instant now) {
        List<String> kept = new ArrayList<>(Certificates.each(trusted));
        kept.removeIf(c -> Certificates.expired(c, now));
        if (next.isPresent() && Certificates.known(next.get().certificate(), TO_BE_KNOWN, now)) {
            return new Authorities(next.get(), Optional.empty(), String.join("", kept));
        }
        if (next.isEmpty() && Certificates.expired(signing.certificate(), now)) {
            return begin(now);
        }
        if (next.isEmpty() && Certificates.ages(signing.certificate(), now)) {
            Pair made = Certificates.authority(now);
            kept.add(made.certificate());
            return new Authorities(signing, Optional.of(made), String.join("", kept));
        }
        return new Authorities(signing, next, String.join("", kept));
    }
}
