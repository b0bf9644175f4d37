package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** 64 KiB of masked text frames followed in place, without and with a limit; in the package of what it measures. */
@State(Scope.Benchmark)
@Fork(
        value = 2,
        jvmArgs = {"-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Skimming {
    private static final int BYTES = 64 * 1024;

    @Param({"64", "1024", "16384"})
    public int payload;

    @Param({"0", "1000000"})
    public long limit;

    private ByteBuf frames = Unpooled.EMPTY_BUFFER;

    @Setup
    public void write() {
        frames = Unpooled.directBuffer(BYTES);
        int header = payload < 126 ? 6 : 8;
        while (frames.readableBytes() + header + payload <= BYTES) {
            frames.writeByte(0x81);
            if (payload < 126) {
                frames.writeByte(0x80 | payload);
            } else {
                frames.writeByte(0x80 | 126).writeShort(payload);
            }
            frames.writeInt(0x01020304).writeZero(payload);
        }
    }

    @Benchmark
    public int followed() {
        FrameSkimmer skimmer = new FrameSkimmer(limit);
        return skimmer.advance(frames, frames.readerIndex(), false);
    }
}
