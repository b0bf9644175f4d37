package dev.holdfast.dataplane.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** When an idle connection ends, and what is left of it. */
final class IdleWatchTest {
    private static final long HOUR = Duration.ofHours(1).toMillis();

    private final MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final ServerSocket peer = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());

    IdleWatchTest() throws IOException {}

    @AfterEach
    void end() throws IOException {
        peer.close();
        loops.shutdownGracefully();
    }

    private Channel connect() {
        return new Bootstrap()
                .group(loops)
                .channel(NioSocketChannel.class)
                .handler(new ChannelInboundHandlerAdapter())
                .connect(peer.getLocalSocketAddress())
                .syncUninterruptibly()
                .channel();
    }

    /** Idle for an hour at most, and closed meanwhile. */
    private WeakReference<Channel> closedWhileIdle() {
        Channel channel = connect();
        channel.eventLoop()
                .submit(() -> new IdleWatch(channel, channel::close).idle(HOUR))
                .syncUninterruptibly();
        channel.close().syncUninterruptibly();
        return new WeakReference<>(channel);
    }

    @Test
    void aClosedConnectionDoesNotStayInMemory() {
        WeakReference<Channel> closed = closedWhileIdle();
        await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
            System.gc();
            assertThat(closed.get()).isNull();
        });
    }

    @Test
    void aShorterLimitTakesThePlaceOfALongerOneAndABusyConnectionStays() {
        Channel idle = connect();
        Channel busy = connect();
        idle.eventLoop()
                .submit(() -> {
                    IdleWatch one = new IdleWatch(idle, idle::close);
                    one.idle(HOUR);
                    one.idle(1);
                    IdleWatch other = new IdleWatch(busy, busy::close);
                    other.idle(1);
                    other.busy();
                })
                .syncUninterruptibly();
        await().untilAsserted(() -> assertThat(idle.isOpen()).isFalse());
        assertThat(busy.isOpen()).isTrue();
    }
}
