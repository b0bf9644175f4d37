package dev.holdfast.xds.snapshot;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.holdfast.xds.resource.Digest;

/** A resource as it goes out, packed once for all Envoys; the version is its content's, so it outlives our restart. */
public record Versioned(Message message, Any body, String version) {
    /** Whether it is this one; most are the very same. */
    boolean isOf(Message other) {
        return message == other || message.equals(other);
    }

    static Versioned of(Message message) {
        Any body = Any.pack(message);
        return new Versioned(message, body, Digest.of(body.getValue().toByteArray()));
    }
}
