package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.testkit.fakes.AddressDatabase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The corpus's database of addresses is one of documentation's networks (RFC 5737, RFC 3849), made here. */
final class PlacesFileTest {
    private static final Path FILE = Path.of("..", "corpus", "security", "authorization-places", "places.mmdb");

    private static Map<String, Object> place(String country, String region, String city) {
        return Map.of(
                "country", Map.of("iso_code", country),
                "subdivisions", List.of(Map.of("iso_code", region)),
                "city", Map.of("names", Map.of("en", city)));
    }

    @Test
    void itIsWhatIsWrittenHere() throws IOException {
        byte[] made = new AddressDatabase("GeoIP2-City")
                .with("192.0.2.0/26", place("DE", "BE", "Berlin"))
                .with("192.0.2.64/26", place("DE", "HH", "Hamburg"))
                .with("192.0.2.128/26", Map.of("is_anonymous", true, "is_tor_exit_node", true))
                .with("198.51.100.0/25", place("US", "CA", "Oakland"))
                .with("198.51.100.128/25", Map.of("autonomous_system_number", 64_500))
                .with("203.0.113.0/25", Map.of("country", Map.of("iso_code", "FR"), "isp", "Example Telecom"))
                .with("203.0.113.128/25", Map.of("country", Map.of("iso_code", "FR"), "isp", "Another"))
                .with("2001:db8::/32", place("DE", "BE", "Berlin"))
                .bytes();
        if (Boolean.getBoolean("golden.update")) {
            Files.write(FILE, made);
        }
        assertThat(Files.readAllBytes(FILE)).isEqualTo(made);
    }
}
