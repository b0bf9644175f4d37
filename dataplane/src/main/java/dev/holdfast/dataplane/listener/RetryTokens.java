package dev.holdfast.dataplane.listener;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.handler.codec.quic.Quic;
import io.netty.handler.codec.quic.QuicTokenHandler;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Has clients prove their address before anything is kept for them (RFC 9000 §8.1.2), once many handshakes are under way: a
 * Retry costs each client a round trip. The token, of this process alone:
 *
 * <pre>
 *   8 octets   when it was made, milliseconds
 *   16 octets  HMAC-SHA-256 of that, the client's address and port, and the connection ID
 *   the rest   the destination connection ID that the client had chosen
 * </pre>
 *
 * Used on one event loop.
 */
final class RetryTokens implements QuicTokenHandler {
    /** So many handshakes under way on a loop, and the next clients are asked for proof. */
    private static final int WITHOUT_PROOF = 64;
    /** So many, and those with proof are left out too. */
    private static final int MOST = 4096;

    private static final int TIME = Long.BYTES;
    private static final int SEAL = 16;
    private static final long VALID_MILLIS = TimeUnit.SECONDS.toMillis(10);
    private static final SecretKeySpec KEY = key();

    private final IntSupplier handshakes;
    private final int withoutProof;
    private final Mac mac;

    RetryTokens(IntSupplier handshakes) {
        this(handshakes, WITHOUT_PROOF);
    }

    RetryTokens(IntSupplier handshakes, int withoutProof) {
        this.handshakes = handshakes;
        this.withoutProof = withoutProof;
        try {
            this.mac = Mac.getInstance("HmacSHA256");
            mac.init(KEY);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HMAC-SHA-256", e);
        }
    }

    private static SecretKeySpec key() {
        byte[] bytes = new byte[32];
        new SecureRandom().nextBytes(bytes);
        return new SecretKeySpec(bytes, "HmacSHA256");
    }

    @Override
    public boolean writeToken(ByteBuf out, ByteBuf dcid, InetSocketAddress address) {
        if (handshakes.getAsInt() < withoutProof) {
            return false;
        }
        byte[] id = ByteBufUtil.getBytes(dcid);
        long now = System.currentTimeMillis();
        out.writeLong(now).writeBytes(seal(now, address, id)).writeBytes(id);
        return true;
    }

    @Override
    public int validateToken(ByteBuf token, InetSocketAddress address) {
        if (token.readableBytes() < TIME + SEAL || handshakes.getAsInt() >= MOST) {
            return -1;
        }
        int at = token.readerIndex();
        long made = token.getLong(at);
        long age = System.currentTimeMillis() - made;
        if (age < 0 || age > VALID_MILLIS) {
            return -1;
        }
        byte[] seal = ByteBufUtil.getBytes(token, at + TIME, SEAL);
        byte[] id = ByteBufUtil.getBytes(token, at + TIME + SEAL, token.readableBytes() - TIME - SEAL);
        return MessageDigest.isEqual(seal, seal(made, address, id)) ? TIME + SEAL : -1;
    }

    private byte[] seal(long made, InetSocketAddress address, byte[] id) {
        mac.update(ByteBuffer.allocate(Long.BYTES + Integer.BYTES)
                .putLong(made)
                .putInt(address.getPort())
                .flip());
        mac.update(address.getAddress().getAddress());
        return Arrays.copyOf(mac.doFinal(id), SEAL);
    }

    @Override
    public int maxTokenLength() {
        return TIME + SEAL + Quic.MAX_CONN_ID_LEN;
    }
}
