package dev.holdfast.dataplane.filter.traffic;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.encoder.BrotliOutputStream;
import com.aayushatharva.brotli4j.encoder.Encoder;
import com.github.luben.zstd.ZstdOutputStream;
import com.github.luben.zstd.util.Native;
import dev.holdfast.plan.TrafficFilter;
import java.io.IOException;
import java.io.OutputStream;
import java.util.zip.GZIPOutputStream;

/** The libraries behind the codings; each is loaded when the first route asks for it. */
final class Compressors {
    private static final int BUFFER = 8_192;
    /** For answers made while somebody waits: about gzip's time at a better ratio. */
    private static final int BROTLI_QUALITY = 4;

    private static final int BROTLI_WINDOW = 20;
    private static final int ZSTD_LEVEL = 3;

    private Compressors() {}

    static String token(TrafficFilter.Codec codec) {
        return switch (codec) {
            case GZIP -> "gzip";
            case BROTLI -> "br";
            case ZSTD -> "zstd";
        };
    }

    /** Whether this machine has the library; gzip is the JDK's. */
    static boolean available(TrafficFilter.Codec codec) {
        return switch (codec) {
            case GZIP -> true;
            case BROTLI -> Brotli4jLoader.isAvailable();
            case ZSTD -> zstd();
        };
    }

    private static boolean zstd() {
        try {
            Native.load();
            return Native.isLoaded();
        } catch (UnsatisfiedLinkError none) {
            return false;
        }
    }

    /** Writes to {@code out}; its flush lets everything out that has come in. */
    static OutputStream open(TrafficFilter.Codec codec, OutputStream out) throws IOException {
        return switch (codec) {
            case GZIP -> new GZIPOutputStream(out, BUFFER, true);
            case BROTLI ->
                new BrotliOutputStream(out, Encoder.Parameters.create(BROTLI_QUALITY, BROTLI_WINDOW), BUFFER);
            case ZSTD -> new ZstdOutputStream(out, ZSTD_LEVEL);
        };
    }
}
