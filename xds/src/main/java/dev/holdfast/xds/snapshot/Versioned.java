package dev.holdfast.xds.snapshot;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A resource as it goes out, packed once for all Envoys; the version is its content's, so it outlives our restart. */
public record Versioned(Message message, Any body, String version) {
    static Versioned of(Message message) {
        Any body = Any.pack(message);
        return new Versioned(message, body, digest(body.getValue().toByteArray()));
    }

    static String digest(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 8);
        } catch (NoSuchAlgorithmException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }
}
