package dev.holdfast.dataplane.codec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Http2Settings;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2FrameAdapter;
import io.netty.handler.codec.http2.Http2RemoteFlowController;
import io.netty.handler.codec.http2.Http2Stream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** What streams are told of their connection. */
final class Http2ConnectionsTest {
    /** The flush stands before the event in the loop's turn; so whoever has stopped would hear neither of it nor of its end. */
    @Test
    void aStreamIsToldOfAFullChannelThatIsFlushedBeforeItsEventComes() throws Exception {
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        Http2Connections.Handler handler =
                Http2Connections.make(false, new Http2FrameAdapter(), Http2Settings.DEFAULT, false);
        List<Boolean> told = new CopyOnWriteArrayList<>();
        try (ServerSocket peer = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Channel channel = new Bootstrap()
                    .group(loops)
                    .channel(NioSocketChannel.class)
                    .option(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(1_024, 8_192))
                    .handler(handler)
                    .connect(peer.getLocalSocketAddress())
                    .sync()
                    .channel();
            ChannelHandlerContext ctx = channel.pipeline().context(handler);
            Http2RemoteFlowController windows = handler.connection().remote().flowController();
            channel.eventLoop()
                    .submit(() -> {
                        Http2Stream stream = handler.connection().local().createStream(1, false);
                        handler.writeHeaders(ctx, stream, new DefaultHttp2Headers().method("POST"), false);
                        handler.writeData(ctx, stream, Unpooled.wrappedBuffer(new byte[1]), false);
                        handler.flush(ctx);
                        windows.listener(of -> told.add(windows.isWritable(of)));
                        handler.writeData(ctx, stream, Unpooled.wrappedBuffer(new byte[10_000]), false);
                        assertThat(windows.isWritable(stream)).isFalse();
                        handler.flush(ctx);
                        assertThat(windows.isWritable(stream)).isTrue();
                        return stream;
                    })
                    .sync();
            channel.eventLoop().submit(() -> {}).sync();
            assertThat(told).containsSubsequence(false, true);
        } finally {
            loops.shutdownGracefully();
        }
    }
}
