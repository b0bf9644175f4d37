package dev.holdfast.xds.server;

import io.grpc.ServerCredentials;
import java.io.IOException;

/** How the xDS port shows itself and knows who asks; both sides show a certificate. */
public sealed interface XdsTls permits MutualTls, RenewedTls {
    ServerCredentials credentials() throws IOException;
}
