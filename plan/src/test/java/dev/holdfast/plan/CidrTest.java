package dev.holdfast.plan;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges of addresses, and addresses in them. */
final class CidrTest {
    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8, 10.255.1.2, true",
        "10.0.0.0/8, 11.0.0.0, false",
        "10.9.9.9/8, 10.0.0.1, true",
        "192.168.1.128/25, 192.168.1.127, false",
        "192.168.1.128/25, 192.168.1.255, true",
        "0.0.0.0/0, 8.8.8.8, true",
        "0.0.0.0/0, ::1, false",
        "127.0.0.1, 127.0.0.1, true",
        "127.0.0.1/32, 127.0.0.2, false",
        "127.0.0.0/8, ::ffff:127.0.0.1, true",
        "2001:db8::/32, 2001:db8:ffff::1, true",
        "2001:db8::/32, 2001:db9::1, false",
        "2001:db8::/33, 2001:db8:8000::1, false",
        "::/0, fe80::1%eth0, true",
        "::1/128, 0:0:0:0:0:0:0:1, true",
        "64:ff9b::/96, 64:ff9b::192.0.2.1, true",
    })
    void containsItsAddressesAndNoOthers(String range, String address, boolean inside) {
        assertThat(Cidr.parse(range).orElseThrow().contains(IpAddress.parse(address)))
                .isEqualTo(inside);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "10.0.0.0/33",
                "10.0.0/8",
                "10.0.0.256/8",
                "10.0.0.0/",
                "10.0.0.0/-1",
                "::/129",
                "1:2:3:4:5:6:7:8:9",
                "1::2::3",
                "12345::",
                "host/8",
                "1:2:3:4:5:6:7/64",
                ":::1",
                "::1.2.3/96",
                "10.0.0.0/8/8"
            })
    void whatIsNoRangeIsNone(String text) {
        assertThat(Cidr.parse(text)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "localhost", "1.2.3", "::g", "1.2.3.4.5", ":"})
    void whatIsNoAddressLiesNowhere(String text) {
        assertThat(IpAddress.parse(text)).isEmpty();
        assertThat(Cidr.parse("0.0.0.0/0").orElseThrow().contains(IpAddress.parse(text)))
                .isFalse();
    }
}
