package dev.holdfast.kubernetes.envoy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.kubernetes.envoy.Certificates.Pair;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AuthoritiesTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration TWO_THIRDS =
            Certificates.AUTHORITY_LIFE.multipliedBy(7).dividedBy(10);

    @Test
    void nothingIsDueWhileItIsYoung() {
        Authorities first = Authorities.begin(NOW);
        assertThat(first.at(NOW.plus(Duration.ofDays(365)))).isEqualTo(first);
    }

    @Test
    void aNewAuthorityIsTrustedForADayBeforeItSigns() {
        Authorities first = Authorities.begin(NOW);
        Instant later = NOW.plus(TWO_THIRDS);
        Authorities waiting = first.at(later);
        assertThat(waiting.signing()).isEqualTo(first.signing());
        assertThat(Certificates.each(waiting.trusted())).hasSize(2);
        assertThat(waiting.at(later.plus(Duration.ofHours(20)))).isEqualTo(waiting);

        Authorities after = waiting.at(later.plus(Duration.ofHours(30)));
        assertThat(after.signing()).isEqualTo(waiting.next().orElseThrow());
        assertThat(after.next()).isEmpty();
        assertThat(Certificates.each(after.trusted())).hasSize(2);
        assertThat(Certificates.each(
                        after.at(NOW.plus(Certificates.AUTHORITY_LIFE).plusSeconds(1))
                                .trusted()))
                .hasSize(1);
    }

    @Test
    void onesThatWereLeftToExpireAreBegunAnew() {
        Authorities first = Authorities.begin(NOW);
        assertThat(first.at(NOW.plus(Certificates.AUTHORITY_LIFE.multipliedBy(2)))
                        .signing())
                .isNotEqualTo(first.signing());
    }

    @Test
    void whatIsWrittenIsReadAgainAndRubbishIsNot() {
        Authorities two = Authorities.begin(NOW).at(NOW.plus(TWO_THIRDS));
        assertThat(Authorities.read(two.data())).contains(two);
        assertThat(Authorities.read(Map.of())).isEmpty();
        assertThat(Authorities.read(Map.of("ca.crt", "x", "tls.crt", "y", "tls.key", "z")))
                .isEmpty();
    }

    @Test
    void aCertificateIsKnownByWhoSignedIt() {
        Pair one = Certificates.authority(NOW);
        Pair other = Certificates.authority(NOW);
        Pair leaf = Certificates.server(one, List.of("holdfast-xds"), NOW);
        assertThat(Certificates.signedBy(leaf.certificate(), one.certificate())).isTrue();
        assertThat(Certificates.signedBy(leaf.certificate(), other.certificate()))
                .isFalse();
        assertThat(Certificates.ages(leaf.certificate(), NOW.plus(Duration.ofDays(50))))
                .isFalse();
        assertThat(Certificates.ages(leaf.certificate(), NOW.plus(Duration.ofDays(70))))
                .isTrue();
    }

    @Test
    void aKeyNeverShowsInText() {
        assertThat(Authorities.begin(NOW).toString()).doesNotContain("PRIVATE");
    }
}
