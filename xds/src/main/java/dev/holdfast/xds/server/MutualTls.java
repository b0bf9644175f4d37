package dev.holdfast.xds.server;

import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import java.io.IOException;
import java.nio.file.Path;

/**
 * TLS in which both sides show a certificate.
 *
 * @param ca PEM: whoever is to speak to us has a certificate by it
 * @param certificate PEM: ours; likewise {@code key}
 */
public record MutualTls(Path ca, Path certificate, Path key) implements XdsTls {
    /** The files of a folder, named as in a Secret: {@code ca.crt}, {@code tls.crt}, {@code tls.key}. */
    public static MutualTls in(Path folder) {
        return new MutualTls(folder.resolve("ca.crt"), folder.resolve("tls.crt"), folder.resolve("tls.key"));
    }

    @Override
    public ServerCredentials credentials() throws IOException {
        return TlsServerCredentials.newBuilder()
                .keyManager(certificate.toFile(), key.toFile())
                .trustManager(ca.toFile())
                .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
                .build();
    }
}
