package dev.holdfast.dataplane.upstream;

import io.netty.channel.IoEvent;
import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.IoOps;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.Socket;
import io.netty.util.concurrent.ThreadAwareExecutor;

/**
 * Netty's epoll, without three of its traps (ADR 12): an event of a closed connection handed to the next one with the same
 * descriptor, a channel lost to epoll once there is nothing to wait for, and a dead socket of which epoll tells for ever.
 */
final class CarefulEpoll implements IoHandler {
    /** epoll_ctl(2): both directions are over. Told whether asked for or not, as EPOLLERR is. */
    private static final int HANG_UP = 0x10;

    private static final EpollIoEvent READ_ON = event(EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLRDHUP));

    private final IoHandler epoll;
    private long turn;

    private CarefulEpoll(IoHandler epoll) {
        this.epoll = epoll;
    }

    static IoHandlerFactory factory() {
        IoHandlerFactory plain = EpollIoHandler.newFactory();
        return new IoHandlerFactory() {
            @Override
            public IoHandler newHandler(ThreadAwareExecutor executor) {
                return new CarefulEpoll(plain.newHandler(executor));
            }

            @Override
            public boolean isChangingThreadSupported() {
                return plain.isChangingThreadSupported();
            }
        };
    }

    private static EpollIoEvent event(EpollIoOps ops) {
        return () -> ops;
    }

    @Override
    public void initialize() {
        epoll.initialize();
    }

    @Override
    public int run(IoHandlerContext context) {
        turn++;
        return epoll.run(context);
    }

    @Override
    public void prepareToDestroy() {
        epoll.prepareToDestroy();
    }

    @Override
    public void destroy() {
        epoll.destroy();
    }

    @Override
    public IoRegistration register(IoHandle handle) throws Exception {
        return new Registration(epoll.register(new Handle((EpollIoHandle) handle)));
    }

    @Override
    public void wakeup() {
        epoll.wakeup();
    }

    @Override
    public boolean isCompatible(Class<? extends IoHandle> type) {
        return epoll.isCompatible(type);
    }

    /** What epoll asks for never becomes nothing, which Netty would take out of it and not put back. */
    private record Registration(IoRegistration of) implements IoRegistration {
        @Override
        public <T> T attachment() {
            return of.attachment();
        }

        @Override
        public long submit(IoOps ops) {
            return of.submit(EpollIoOps.NONE.equals(ops) ? EpollIoOps.EPOLLERR : ops);
        }

        @Override
        public boolean isValid() {
            return of.isValid();
        }

        @Override
        public boolean cancel() {
            return of.cancel();
        }
    }

    private final class Handle implements EpollIoHandle {
        private final EpollIoHandle of;
        private final long since = turn;

        Handle(EpollIoHandle of) {
            this.of = of;
        }

        @Override
        public FileDescriptor fd() {
            return of.fd();
        }

        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            if (since == turn) {
                // Meant for the socket that had this number when the turn began; of this one epoll tells next time.
                return;
            }
            of.handle(registration, event);
            if ((((EpollIoEvent) event).ops().value() & HANG_UP) != 0) {
                overBothWays(registration);
            }
        }

        /**
         * What is left in the socket is read, piece by piece, whether or not its reader is slow: it is no more than the
         * socket's buffer held. Then the channel is closed, for epoll would tell of it without end.
         */
        private void overBothWays(IoRegistration registration) {
            if (!(of.fd() instanceof Socket socket) || !socket.isOpen()) {
                return;
            }
            if (!socket.isInputShutdown()) {
                of.handle(registration, READ_ON);
            }
            if (socket.isOpen() && socket.isInputShutdown()) {
                try {
                    of.close();
                } catch (Exception e) {
                    throw new IllegalStateException("close of a Netty channel throws nothing", e);
                }
            }
        }

        @Override
        public void registered() {
            of.registered();
        }

        @Override
        public void unregistered() {
            of.unregistered();
        }

        @Override
        public void close() throws Exception {
            of.close();
        }
    }
}
