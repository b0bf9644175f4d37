package dev.holdfast.dataplane.listener;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Proof of a client's address, asked for once many handshakes are under way. */
final class RetryTokensTest {
    private static final InetSocketAddress CLIENT = new InetSocketAddress("192.0.2.1", 4711);

    private final AtomicInteger handshakes = new AtomicInteger();
    private final RetryTokens tokens = new RetryTokens(handshakes::get);
    private final ByteBuf id = Unpooled.wrappedBuffer(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    private final ByteBuf token = Unpooled.buffer();

    @Test
    void fewNeedNone() {
        handshakes.set(63);
        assertThat(tokens.writeToken(token, id, CLIENT)).isFalse();
        assertThat(token.isReadable()).isFalse();
    }

    @Test
    void aTokenHoldsForItsAddressAndSaysTheConnectionIdThatWasAskedFor() {
        handshakes.set(64);
        assertThat(tokens.writeToken(token, id, CLIENT)).isTrue();
        assertThat(token.readableBytes()).isLessThanOrEqualTo(tokens.maxTokenLength());
        int at = tokens.validateToken(token, CLIENT);
        assertThat(token.slice(at, token.readableBytes() - at)).isEqualTo(id);
        assertThat(tokens.validateToken(token, new InetSocketAddress("192.0.2.2", 4711)))
                .isNegative();
        assertThat(tokens.validateToken(token, new InetSocketAddress("192.0.2.1", 4712)))
                .isNegative();
    }

    @Test
    void noOctetOfATokenMayBeAnother() {
        handshakes.set(64);
        tokens.writeToken(token, id, CLIENT);
        for (int i = 0; i < token.readableBytes(); i++) {
            token.setByte(i, token.getByte(i) ^ 1);
            assertThat(tokens.validateToken(token, CLIENT)).as("octet %d", i).isNegative();
            token.setByte(i, token.getByte(i) ^ 1);
        }
        assertThat(tokens.validateToken(token, CLIENT)).isPositive();
        for (int length = 0; length < token.readableBytes(); length++) {
            assertThat(tokens.validateToken(token.slice(0, length), CLIENT)).isNegative();
        }
    }

    @Test
    void whereThereAreFarTooManyATokenIsOfNoUse() {
        handshakes.set(64);
        tokens.writeToken(token, id, CLIENT);
        handshakes.set(4096);
        assertThat(tokens.validateToken(token, CLIENT)).isNegative();
    }
}
