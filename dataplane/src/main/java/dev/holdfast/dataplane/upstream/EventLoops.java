package dev.holdfast.dataplane.upstream;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPromise;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SingleThreadIoEventLoop;
import java.util.concurrent.Executor;

/**
 * Loops that take a new channel in only when all events of a turn are done with. Netty finds an event's channel by the
 * file descriptor's number; the kernel gives the number of a connection that one event has closed to the next socket
 * opened. Were that socket registered in the same turn, it would be handed what the turn still holds for the connection
 * before it: an end of input, mostly, after which Netty never reads from it again (ADR 12).
 */
public final class EventLoops extends MultiThreadIoEventLoopGroup {
    public EventLoops(int count) {
        super(count, Transport.handler());
    }

    @Override
    protected IoEventLoop newChild(Executor executor, IoHandlerFactory handler, Object... more) {
        return new Loop(this, executor, handler);
    }

    private static final class Loop extends SingleThreadIoEventLoop {
        Loop(IoEventLoopGroup parent, Executor executor, IoHandlerFactory handler) {
            super(parent, executor, handler);
        }

        /** Every other {@code register} that is not deprecated comes here. Tasks run after the turn's events. */
        @Override
        public ChannelFuture register(ChannelPromise promise) {
            if (!inEventLoop()) {
                return super.register(promise);
            }
            execute(() -> super.register(promise));
            return promise;
        }
    }
}
