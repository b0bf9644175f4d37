package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Hiding;
import dev.holdfast.plan.SecurityFilter.Place;
import dev.holdfast.plan.SecurityFilter.PlaceDatabases;
import dev.holdfast.testkit.fakes.AddressDatabase;
import dev.holdfast.testkit.leak.LeakGuard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who passes by where databases say that they are; the client of these tests is 127.0.0.1. */
@ExtendWith(LeakGuard.class)
final class PlacesTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    private static final Map<String, Object> BERLIN = Map.of(
            "country", Map.of("iso_code", "DE"),
            "subdivisions", List.of(Map.of("iso_code", "BE")),
            "city", Map.of("names", Map.of("en", "Berlin")));

    @TempDir
    private Path folder;

    private static Place place(String country, String region, String city) {
        return new Place(country, region, city, 0, "", Map.of());
    }

    private Path write(String name, Map<String, Object> ofUs) throws IOException {
        Path file = folder.resolve(name);
        Path beside = folder.resolve(name + ".new");
        Files.write(
                beside, new AddressDatabase("Test").with("127.0.0.0/8", ofUs).bytes());
        return Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static TestGateway gateway(PlaceDatabases files, boolean allow, Place... places) throws IOException {
        SecurityFilter.Rule rule = new SecurityFilter.Rule(
                "", allow, List.of(), List.of(places), Optional.empty(), List.of(), List.of(), Optional.empty(), "");
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.httpFilters = List.of(new SecurityFilter.Authorization(List.of(rule), !allow, Optional.of(files)));
        return gateway.start();
    }

    private static String ask(PlaceDatabases files, boolean allow, Place... places) throws IOException {
        try (TestGateway gateway = gateway(files, allow, places)) {
            return gateway.all(GET);
        }
    }

    private static PlaceDatabases cities(Path file) {
        return new PlaceDatabases(file.toString(), "", "", "", "");
    }

    @ParameterizedTest
    @CsvSource({
        "DE, '', '', 200",
        "de, be, berlin, 200",
        "DE, BE, Potsdam, 403",
        "'', BE, '', 200",
        "'', HH, '', 403",
        "FR, '', Berlin, 403"
    })
    void countryRegionAndCityMustAllBeTheOnesNamed(String country, String region, String city, int status)
            throws IOException {
        PlaceDatabases files = cities(write("city.mmdb", BERLIN));
        assertThat(ask(files, true, place(country, region, city))).startsWith("HTTP/1.1 " + status + " ");
        assertThat(ask(files, false, place(country, region, city)))
                .startsWith("HTTP/1.1 " + (status == 200 ? 403 : 200) + " ");
    }

    @Test
    void oneOfSeveralPlacesIsEnough() throws IOException {
        PlaceDatabases files = cities(write("city.mmdb", BERLIN));
        assertThat(ask(files, true, place("FR", "", ""), place("DE", "", ""))).startsWith("HTTP/1.1 200 ");
    }

    @Test
    void aDatabaseOfCountriesIsBelievedRatherThanThatOfCities() throws IOException {
        Path countries = write("country.mmdb", Map.of("country", Map.of("iso_code", "AT")));
        PlaceDatabases both =
                new PlaceDatabases(write("city.mmdb", BERLIN).toString(), countries.toString(), "", "", "");
        assertThat(ask(both, true, place("AT", "", "Berlin"))).startsWith("HTTP/1.1 200 ");
    }

    @Test
    void networkAndProviderAreKnownByDatabasesOfTheirOwn() throws IOException {
        Map<String, Object> isp = Map.of("autonomous_system_number", 64_501, "isp", "Example Telecom");
        String provider = write("isp.mmdb", isp).toString();
        String network =
                write("asn.mmdb", Map.of("autonomous_system_number", 64_500)).toString();
        Place byName = new Place("", "", "", 0, "example telecom", Map.of());
        Place byNumber = new Place("", "", "", 64_500, "", Map.of());
        PlaceDatabases both = new PlaceDatabases("", "", network, provider, "");
        assertThat(ask(both, true, byName)).startsWith("HTTP/1.1 200 ");
        assertThat(ask(both, true, byNumber)).startsWith("HTTP/1.1 200 ");
        PlaceDatabases alone = new PlaceDatabases("", "", "", provider, "");
        assertThat(ask(alone, true, byNumber)).startsWith("HTTP/1.1 403 ");
        assertThat(ask(alone, true, new Place("", "", "", 64_501, "", Map.of())))
                .startsWith("HTTP/1.1 200 ");
    }

    @Test
    void whoHidesIsKnownByTheWayAndWhoIsNotKnownHidesInNone() throws IOException {
        String hides = write("vpn.mmdb", Map.of("is_anonymous", true, "is_anonymous_vpn", true))
                .toString();
        String unknown = write("none.mmdb", Map.of()).toString();
        for (Hiding way : Hiding.values()) {
            boolean known = way == Hiding.ANY || way == Hiding.VPN;
            Place isSo = new Place("", "", "", 0, "", Map.of(way, true));
            Place isNotSo = new Place("", "", "", 0, "", Map.of(way, false));
            PlaceDatabases files = new PlaceDatabases("", "", "", "", hides);
            assertThat(ask(files, false, isSo)).as("%s", way).startsWith("HTTP/1.1 " + (known ? 403 : 200));
            assertThat(ask(files, false, isNotSo)).as("%s", way).startsWith("HTTP/1.1 " + (known ? 200 : 403));
            assertThat(ask(new PlaceDatabases("", "", "", "", unknown), false, isSo))
                    .startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void whereTheDatabaseCannotBeReadNothingPasses() throws IOException {
        Path broken = Files.writeString(folder.resolve("broken.mmdb"), "this is none");
        for (Path file : List.of(folder.resolve("absent.mmdb"), broken)) {
            for (boolean allow : List.of(true, false)) {
                assertThat(ask(cities(file), allow, place("DE", "", "")))
                        .startsWith("HTTP/1.1 503 ")
                        .contains("x-holdfast-reason: place_unknown\r\n");
            }
        }
    }

    /** A database that ends within a map says so at a question, not before. */
    @Test
    void whereTheDatabaseIsBrokenAtTheClientsPlaceNothingPasses() throws IOException {
        byte[] whole = Files.readAllBytes(write("city.mmdb", BERLIN));
        int name = new String(whole, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("iso_code");
        whole[name - 1] = (byte) 0xff;
        Path file = Files.write(folder.resolve("odd.mmdb"), whole);
        assertThat(ask(cities(file), false, place("FR", "", "")))
                .startsWith("HTTP/1.1 503 ")
                .contains("x-holdfast-reason: place_unknown\r\n");
    }

    @Test
    void aFileThatIsPutInItsPlaceIsTakenWithoutANewPlan() throws IOException {
        Path file = write("city.mmdb", Map.of("country", Map.of("iso_code", "FR")));
        try (TestGateway gateway = gateway(cities(file), true, place("DE", "", ""))) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 403 ");
            write("city.mmdb", BERLIN);
            await().atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThat(gateway.all(GET)).startsWith("HTTP/1.1 200 "));
            Files.delete(file);
            assertThat(gateway.all(GET)).as("the last one that could be read").startsWith("HTTP/1.1 200 ");
        }
    }
}
