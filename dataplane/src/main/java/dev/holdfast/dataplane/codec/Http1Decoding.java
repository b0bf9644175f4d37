package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.http.HttpDecoderConfig;

/** How HTTP/1.1 is read, from clients and from backends. */
public final class Http1Decoding {
    private static final int LONGEST_FIRST_LINE = 16_384;
    /** As much as one read of a socket brings: a body is passed on in the pieces in which it came. */
    private static final int LARGEST_READ = 65_536;

    private Http1Decoding() {}

    public static HttpDecoderConfig config(int maxHeaderBytes) {
        return new HttpDecoderConfig()
                .setMaxHeaderSize(maxHeaderBytes)
                .setMaxInitialLineLength(LONGEST_FIRST_LINE)
                .setMaxChunkSize(LARGEST_READ);
    }
}
