package dev.holdfast.bench;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.OpenSslContextOption;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLException;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/**
 * Many WebSockets at once. Open loop: each sends when its message is due, whether or not the one before has come back, and
 * latency counts from that moment. {@code --interval 0} keeps {@code --window} messages of each under way instead; with
 * {@code --interval -1} they are silent. {@code --per-connection N} opens them by HTTP/2 (RFC 8441), N to a connection. With
 * {@code --handshakes true} each is closed once it is open and another takes its place, and what counts is handshakes; TLS sessions
 * are resumed where the peer gives tickets, unless Netty's own property {@code sessionCacheClient} says otherwise.
 *
 * <p>Prints {@code open N} once all are open, and after each line on stdin one JSON line of what came since the line before;
 * ends at the end of stdin.
 */
public final class Sockets {
    private static final int CONNECTING_AT_ONCE = 64;

    private final int count;
    private final InetSocketAddress address;
    private final boolean tls;
    private final int perConnection;
    private final boolean handshakes;
    private final long intervalNanos;
    private final int window;
    private final ByteBuf frame;
    private final MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final Bootstrap bootstrap;

    private final AtomicInteger open = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    private final AtomicInteger dropped = new AtomicInteger();
    private final AtomicLong messages = new AtomicLong();
    private final Histogram latency = new ConcurrentHistogram(TimeUnit.SECONDS.toNanos(60), 3);
    private final Semaphore connecting = new Semaphore(CONNECTING_AT_ONCE);
    private volatile boolean ending;

    private Sockets(Map<String, String> options) throws SSLException {
        this.count = Integer.parseInt(options.getOrDefault("--count", "100"));
        String[] hostPort = options.getOrDefault("--connect", "127.0.0.1:8443").split(":");
        this.address = new InetSocketAddress(hostPort[0], Integer.parseInt(hostPort[1]));
        this.tls = options.getOrDefault("--tls", "true").equals("true");
        this.perConnection = Integer.parseInt(options.getOrDefault("--per-connection", "0"));
        this.handshakes = options.getOrDefault("--handshakes", "false").equals("true");
        this.intervalNanos = (long) (Double.parseDouble(options.getOrDefault("--interval", "4")) * 1e9);
        this.window = Integer.parseInt(options.getOrDefault("--window", "1"));
        this.frame = Unpooled.unreleasableBuffer(frame(Integer.parseInt(options.getOrDefault("--size", "64"))));
        this.bootstrap = bootstrap();
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i], args[i + 1]);
        }
        new Sockets(options).run();
    }

    private static ByteBuf frame(int size) {
        ByteBuf out = Unpooled.directBuffer(size + 14);
        out.writeByte(0x82);
        if (size < 126) {
            out.writeByte(0x80 | size);
        } else if (size < 65_536) {
            out.writeByte(0x80 | 126).writeShort(size);
        } else {
            out.writeByte(0x80 | 127).writeLong(size);
        }
        return out.writeInt(0x01020304).writeZero(size);
    }

    private Bootstrap bootstrap() throws SSLException {
        Optional<SslContext> context = tls ? Optional.of(context()) : Optional.empty();
        return new Bootstrap()
                .group(loops)
                .channel(EpollSocketChannel.class)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, 20_000)
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        context.ifPresent(
                                c -> channel.pipeline().addLast(c.newHandler(channel.alloc(), "bench.test", 443)));
                        if (perConnection > 0) {
                            ExtendedConnect.add(channel.pipeline(), perConnection, Client::new, Sockets.this::refused);
                        } else {
                            channel.pipeline().addLast(new Upgrade(tls), new Client());
                        }
                    }
                });
    }

    private SslContext context() throws SSLException {
        SslContextBuilder out = SslContextBuilder.forClient()
                .sslProvider(SslProvider.OPENSSL)
                .trustManager(InsecureTrustManagerFactory.INSTANCE)
                // One that every peer knows: the hybrid ones with ML-KEM, which some would take, cost some 60 µs more.
                .option(OpenSslContextOption.GROUPS, new String[] {"X25519"})
                .endpointIdentificationAlgorithm(null);
        if (perConnection > 0) {
            out.applicationProtocolConfig(new ApplicationProtocolConfig(
                    Protocol.ALPN, SelectorFailureBehavior.NO_ADVERTISE, SelectedListenerFailureBehavior.ACCEPT, "h2"));
        }
        return out.build();
    }

    private void run() throws IOException, InterruptedException {
        int atOnce = Math.max(1, perConnection);
        for (int i = 0; i < count; i += atOnce) {
            connecting.acquire(atOnce);
            connect();
        }
        if (!handshakes) {
            connecting.acquire(CONNECTING_AT_ONCE);
        }
        System.out.println("open " + (handshakes ? count : open.get()));
        System.out.flush();
        latency.reset();
        messages.set(0);
        long since = System.nanoTime();
        while (System.in.read() >= 0) {
            long now = System.nanoTime();
            print((now - since) / 1e9);
            since = now;
        }
        ending = true;
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).await();
    }

    private void connect() {
        bootstrap.connect(address).addListener(done -> {
            if (!done.isSuccess()) {
                refused();
            }
        });
    }

    /** All that was to open on a connection. */
    private void refused() {
        int lost = Math.max(1, perConnection);
        failed.addAndGet(lost);
        connecting.release(lost);
    }

    private void print(double seconds) {
        Histogram copy = latency.copy();
        latency.reset();
        System.out.printf(
                Locale.ROOT,
                "{\"open\":%d,\"failed\":%d,\"dropped\":%d,\"messages\":%d,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}%n",
                open.get(),
                failed.get(),
                dropped.get(),
                messages.getAndSet(0),
                seconds,
                copy.getValueAtPercentile(50) / 1e6,
                copy.getValueAtPercentile(99) / 1e6,
                copy.getValueAtPercentile(99.9) / 1e6,
                copy.getMaxValue() / 1e6);
        System.out.flush();
    }

    /** That a WebSocket is open: what its channel carries from now on is frames. */
    enum Opened {
        EVENT
    }

    /** One WebSocket; answers have the size of what was sent, less the mask, so counting bytes counts messages. */
    private final class Client extends ChannelInboundHandlerAdapter {
        private final ArrayDeque<Long> due = new ArrayDeque<>();
        private final int answer = frame.readableBytes() - 4;
        private int got;
        private boolean speaking;

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event == Opened.EVENT) {
                speaking = true;
                if (handshakes) {
                    messages.incrementAndGet();
                    ctx.close();
                } else {
                    open.incrementAndGet();
                    begin(ctx);
                }
                connecting.release();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ByteBuf in = (ByteBuf) message;
            count(ctx, in.readableBytes());
            in.release();
        }

        private void begin(ChannelHandlerContext ctx) {
            if (intervalNanos == 0) {
                for (int i = 0; i < window; i++) {
                    send(ctx, System.nanoTime());
                }
                ctx.flush();
            } else if (intervalNanos > 0) {
                plan(ctx, System.nanoTime() + ThreadLocalRandom.current().nextLong(intervalNanos));
            }
        }

        private void plan(ChannelHandlerContext ctx, long at) {
            ctx.executor()
                    .schedule(
                            () -> {
                                if (ctx.channel().isActive() && !ending) {
                                    send(ctx, at);
                                    ctx.flush();
                                    plan(ctx, at + intervalNanos);
                                }
                            },
                            Math.max(0, at - System.nanoTime()),
                            TimeUnit.NANOSECONDS);
        }

        private void send(ChannelHandlerContext ctx, long at) {
            due.add(at);
            ctx.write(frame.duplicate());
        }

        private void count(ChannelHandlerContext ctx, int bytes) {
            got += bytes;
            long now = System.nanoTime();
            boolean more = false;
            while (got >= answer && !due.isEmpty()) {
                got -= answer;
                latency.recordValue(Math.min(now - due.poll(), TimeUnit.SECONDS.toNanos(59)));
                messages.incrementAndGet();
                if (intervalNanos == 0) {
                    send(ctx, now);
                    more = true;
                }
            }
            if (more) {
                ctx.flush();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            if (ending) {
                return;
            }
            if (!speaking) {
                failed.incrementAndGet();
                connecting.release();
            } else if (!handshakes) {
                open.decrementAndGet();
                dropped.incrementAndGet();
            }
            if (handshakes && perConnection > 0) {
                another(ctx.channel().parent());
            } else if (handshakes) {
                connect();
            }
        }

        private void another(Channel connection) {
            if (speaking && connection.isActive()) {
                ExtendedConnect.open(connection, new Client());
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
