package dev.holdfast.dataplane.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Fingerprints against the examples of those who defined them. */
final class ClientHelloTest {
    private static String extension(String type, String body) {
        return type + length(body, 4) + body;
    }

    private static String length(String hex, int digits) {
        return HexFormat.of().toHexDigits(hex.length() / 2, digits);
    }

    private static ByteBuf hello(String version, String ciphers, String extensions) {
        String hex = version + "00".repeat(32) + "00" + length(ciphers, 4) + ciphers + "0100"
                + (extensions.isEmpty() ? "" : length(extensions, 4) + extensions);
        return Unpooled.wrappedBuffer(HexFormat.of().parseHex(hex));
    }

    private static String name(String host) {
        String hex = HexFormat.of().formatHex(host.getBytes(StandardCharsets.US_ASCII));
        return extension("0000", length(hex + "000000", 4) + "00" + length(hex, 4) + hex);
    }

    private static String list(String type, String values) {
        return extension(type, length(values, 4) + values);
    }

    /** Chrome's, of FoxIO's description of JA4, in an order of its own and with GREASE in each place that may have some. */
    private static ByteBuf chrome() {
        String ciphers = "2a2a" + "130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035";
        String extensions = extension("7a7a", "")
                + name("example.com")
                + extension("0017", "")
                + extension("ff01", "00")
                + list("000a", "9a9a001d00170018")
                + extension("000b", "0100")
                + extension("0023", "")
                + list("0010", "026832" + "08687474702f312e31")
                + extension("0005", "0100000000")
                + list("000d", "04030804040105030805050108060601")
                + extension("0012", "")
                + extension("0033", "")
                + extension("002d", "0101")
                + extension("002b", "06" + "dada" + "0304" + "0303")
                + extension("001b", "020002")
                + extension("4469", "")
                + extension("0015", "0000")
                + extension("baba", "00");
        return hello("0303", ciphers, extensions);
    }

    @Test
    void theJa4OfItsDescription() {
        assertThat(ClientHello.of(chrome()).ja4()).isEqualTo("t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    @Test
    void theJa3OfItsDescription() {
        // 769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0
        ByteBuf hello = hello(
                "0301",
                "002f00350005000ac009c00ac013c01400320038" + "00130004",
                name("a") + list("000a", "001700180019") + extension("000b", "0100"));
        assertThat(ClientHello.of(hello).ja3()).isEqualTo("ada70206e40642a3e4461f35503241d5");
        // 769,4-5-10-9-100-98-3-6-19-18-99,,,
        ByteBuf old = hello("0301", "00040005000a000900640062000300060013001200" + "63", "");
        assertThat(ClientHello.of(old).ja3()).isEqualTo("de350869b8c85de67a350c8d186f11e6");
        assertThat(ClientHello.of(old).ja4()).startsWith("t10i110000_").endsWith("_000000000000");
    }

    @Test
    void aProtocolThatIsNoTextShowsItsHexadecimalEnds() {
        ByteBuf hello = hello("0303", "1301", list("0010", "02abcd"));
        assertThat(ClientHello.of(hello).ja4()).startsWith("t12i0101ad_");
    }

    @Test
    void whateverIsCutOffIsSaidAndNothingElseHappens() {
        ByteBuf whole = chrome();
        for (int length = 0; length < whole.readableBytes() - 1; length++) {
            ByteBuf part = whole.slice(0, length);
            try {
                ClientHello.of(part);
            } catch (IndexOutOfBoundsException expected) {
                continue;
            }
            // Without extensions it is whole again.
            assertThat(part.readableBytes()).isEqualTo(2 + 32 + 1 + 2 + 32 + 2);
        }
        assertThatThrownBy(() -> ClientHello.of(Unpooled.EMPTY_BUFFER)).isInstanceOf(IndexOutOfBoundsException.class);
        Random random = new Random(4);
        for (int i = 0; i < 20_000; i++) {
            byte[] noise = new byte[random.nextInt(400)];
            random.nextBytes(noise);
            try {
                ClientHello.of(Unpooled.wrappedBuffer(noise));
            } catch (IndexOutOfBoundsException expected) {
                // The only way to refuse.
            }
        }
    }
}
