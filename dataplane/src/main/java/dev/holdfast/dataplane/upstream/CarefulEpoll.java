package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.message.Faults;
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
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Netty's epoll, without three of its traps (ADR 12): an event of a closed connection handed to the next one with the same
 * descriptor, a channel lost to epoll once there is nothing to wait for, and a dead socket of which epoll tells for ever.
 * And with fewer calls of epoll_ctl(2): what a channel waits for is told before the next wait, not at each change of mind.
 */
final class CarefulEpoll implements IoHandler {
    /** epoll_ctl(2): both directions are over. Told whether asked for or not, as EPOLLERR is. */
    private static final int HANG_UP = 0x10;

    private static final int WRITABLE = EpollIoOps.EPOLLOUT.value();

    /** epoll_ctl(2): these are told always. */
    private static final int UNASKED = EpollIoOps.EPOLLERR.value() | HANG_UP;

    private static final EpollIoEvent READ_ON = event(EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLRDHUP));

    private final IoHandler epoll;
    private final List<Registration> changed = new ArrayList<>();
    private long turn;

    CarefulEpoll(IoHandler epoll) {
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
        settle();
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
        Handle careful = new Handle((EpollIoHandle) handle);
        careful.registration = new Registration(epoll.register(careful), careful);
        return careful.registration;
    }

    /** What has changed since the last wait, in one call for each channel, and none where it has changed back. */
    private void settle() {
        for (int i = 0; i < changed.size(); i++) {
            try {
                changed.get(i).settle();
            } catch (RuntimeException e) {
                // One connection's trouble must not end the loop of all others.
                Faults.told(e);
            }
        }
        changed.clear();
    }

    @Override
    public void wakeup() {
        epoll.wakeup();
    }

    @Override
    public boolean isCompatible(Class<? extends IoHandle> type) {
        return epoll.isCompatible(type);
    }

    /**
     * What is asked of epoll never becomes nothing, which Netty would take out of it and not put back. What is no longer
     * asked for stays told until epoll speaks of it: a client is seldom heard of while its backend is connected to. Only
     * "writable" is taken back before the next wait, as nearly every socket is at all times.
     */
    private final class Registration implements IoRegistration {
        private static final int NEVER_TOLD = 0;

        private final IoRegistration of;
        private final Handle handle;
        private EpollIoOps asked = EpollIoOps.EPOLLERR;
        private int told = NEVER_TOLD;
        private boolean annoyed;
        private boolean unsettled;

        Registration(IoRegistration of, Handle handle) {
            this.of = of;
            this.handle = handle;
        }

        @Override
        public <T> T attachment() {
            return of.attachment();
        }

        @Override
        public long submit(IoOps ops) {
            asked = EpollIoOps.NONE.equals(ops) ? EpollIoOps.EPOLLERR : (EpollIoOps) ops;
            settleLater();
            return asked.value();
        }

        /** What of {@code events} is asked for. Of what is not, epoll would speak again and again. */
        int wanted(int events) {
            int wanted = events & (asked.value() | UNASKED);
            if (wanted != events) {
                annoyed = true;
                settleLater();
            }
            return wanted;
        }

        private void settleLater() {
            if (!unsettled && isDifferent()) {
                unsettled = true;
                changed.add(this);
            }
        }

        private boolean isDifferent() {
            int value = asked.value();
            return told == NEVER_TOLD
                    || (value & ~told & ~UNASKED) != 0
                    || (told & ~value & ~UNASKED & (annoyed ? ~0 : WRITABLE)) != 0;
        }

        private void settle() {
            boolean different = isDifferent();
            unsettled = false;
            annoyed = false;
            if (!different || !of.isValid()) {
                return;
            }
            try {
                of.submit(asked);
                told = asked.value();
            } catch (UncheckedIOException e) {
                // Netty does so, too: nothing of this descriptor can be relied on.
                Faults.told(e);
                handle.end();
            }
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
        private @Nullable Registration registration;

        Handle(EpollIoHandle of) {
            this.of = of;
        }

        @Override
        public FileDescriptor fd() {
            return of.fd();
        }

        @Override
        public void handle(IoRegistration given, IoEvent event) {
            if (since == turn) {
                // Meant for the socket that had this number when the turn began; of this one epoll tells next time.
                return;
            }
            Registration mine = Objects.requireNonNull(registration);
            int told = ((EpollIoEvent) event).ops().value();
            int wanted = mine.wanted(told);
            if (wanted == told) {
                of.handle(given, event);
            } else if (wanted != 0) {
                of.handle(given, event(EpollIoOps.valueOf(wanted)));
            }
            if ((told & HANG_UP) != 0) {
                overBothWays(given);
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
                end();
            }
        }

        private void end() {
            try {
                of.close();
            } catch (Exception e) {
                throw new IllegalStateException("close of a Netty channel throws nothing", e);
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
