package dev.holdfast.bench;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Locale;

/**
 * The benchmarks' WebSocket backend: takes a handshake, then turns each masked frame into an unmasked one of the same
 * payload. One loop, nothing else, so that it costs every proxy the same.
 */
public final class Echo {
    private static final int CLOSE = 8;
    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private Echo() {}

    /** {@code args[0]} is the port. */
    public static void main(String[] args) throws InterruptedException {
        MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        Channel server = new ServerBootstrap()
                .group(loops)
                .channel(EpollServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 4096)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new Frames());
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0])))
                .sync()
                .channel();
        server.closeFuture().sync();
    }

    private static final class Frames extends ChannelInboundHandlerAdapter {
        private ByteBuf kept = Unpooled.EMPTY_BUFFER;
        private boolean open;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
            ByteBuf in = (ByteBuf) message;
            if (kept.isReadable()) {
                in = ctx.alloc().buffer().writeBytes(kept).writeBytes(in);
                kept.release();
                ((ByteBuf) message).release();
                kept = Unpooled.EMPTY_BUFFER;
            }
            if (!open) {
                handshake(ctx, in);
            }
            while (open && echo(ctx, in)) {}
            if (in.isReadable()) {
                kept = in;
            } else {
                in.release();
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
        }

        private void handshake(ChannelHandlerContext ctx, ByteBuf in) throws Exception {
            String head = in.toString(StandardCharsets.ISO_8859_1);
            int end = head.indexOf("\r\n\r\n");
            if (end < 0) {
                return;
            }
            in.skipBytes(end + 4);
            int at = head.toLowerCase(Locale.ROOT).indexOf("sec-websocket-key:");
            String key = head.substring(at + 18, head.indexOf("\r\n", at)).strip();
            String accept = Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("SHA-1")
                            .digest((key + GUID).getBytes(StandardCharsets.US_ASCII)));
            ctx.write(Unpooled.copiedBuffer(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                            + accept + "\r\n\r\n",
                    StandardCharsets.US_ASCII));
            open = true;
        }

        /** False where no whole frame is there. */
        private static boolean echo(ChannelHandlerContext ctx, ByteBuf in) {
            int from = in.readerIndex();
            int readable = in.readableBytes();
            if (readable < 6) {
                return false;
            }
            int length = in.getByte(from + 1) & 0x7f;
            int header = 2;
            if (length == 126) {
                length = in.getUnsignedShort(from + 2);
                header = 4;
            } else if (length == 127) {
                if (readable < 14) {
                    return false;
                }
                length = (int) in.getLong(from + 2);
                header = 10;
            }
            if (readable < header + 4 + length) {
                return false;
            }
            int mask = in.getInt(from + header);
            ByteBuf out = ctx.alloc().buffer(header + length);
            out.writeByte(in.getByte(from));
            out.writeByte(in.getByte(from + 1) & 0x7f);
            out.writeBytes(in, from + 2, header - 2);
            int at = from + header + 4;
            int i = 0;
            for (; i + 4 <= length; i += 4) {
                out.writeInt(in.getInt(at + i) ^ mask);
            }
            for (; i < length; i++) {
                out.writeByte(in.getByte(at + i) ^ (mask >>> (24 - 8 * (i & 3))));
            }
            in.skipBytes(header + 4 + length);
            ChannelFuture written = ctx.write(out);
            if ((in.getByte(from) & 0x0f) == CLOSE) {
                written.addListener(ChannelFutureListener.CLOSE);
            }
            return true;
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            kept.release();
            kept = Unpooled.EMPTY_BUFFER;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
