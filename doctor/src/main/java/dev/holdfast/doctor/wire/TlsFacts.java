package dev.holdfast.doctor.wire;

import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;

/**
 * What a TLS handshake agreed on.
 *
 * @param alpn the protocol chosen, empty where the server chose none
 * @param chain as the server sent it, its own certificate first
 */
public record TlsFacts(String version, String cipher, String alpn, List<X509Certificate> chain, Duration handshake) {
    public TlsFacts {
        chain = List.copyOf(chain);
    }
}
