package dev.holdfast.dataplane.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.IoEvent;
import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoOps;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What epoll is told of what a channel waits for, and when: the kernel's side is what these tests stand in for. */
class CarefulEpollTest {
    private static final int HANG_UP = 0x10;

    private final Kernel kernel = new Kernel();
    private final CarefulEpoll epoll = new CarefulEpoll(kernel);
    private final Channel channel = new Channel();

    @BeforeAll
    static void onLinux() {
        assumeTrue(Epoll.isAvailable(), "epoll is Linux's");
    }

    @Test
    void isToldBeforeTheNextWaitAndOnce() throws Exception {
        IoRegistration registration = epoll.register(channel);
        registration.submit(ops(EpollIoOps.EPOLLRDHUP));
        registration.submit(ops(EpollIoOps.EPOLLRDHUP, EpollIoOps.EPOLLIN));
        assertThat(kernel.told).isEmpty();
        turn();
        assertThat(kernel.told).containsExactly(ops(EpollIoOps.EPOLLRDHUP, EpollIoOps.EPOLLIN));
        turn();
        assertThat(kernel.told).hasSize(1);
    }

    @Test
    void whatChangesBackIsNotTold() throws Exception {
        IoRegistration registration = reading();
        registration.submit(ops(EpollIoOps.EPOLLIN, EpollIoOps.EPOLLOUT));
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        registration.submit(EpollIoOps.NONE);
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        assertThat(kernel.told).hasSize(1);
    }

    @Test
    void writableIsTakenBackBeforeTheNextWait() throws Exception {
        IoRegistration registration = epoll.register(channel);
        registration.submit(ops(EpollIoOps.EPOLLIN, EpollIoOps.EPOLLOUT));
        turn();
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        assertThat(kernel.told).endsWith(ops(EpollIoOps.EPOLLIN)).hasSize(2);
    }

    @Test
    void whatIsNotReadStaysToldUntilSomethingComes() throws Exception {
        IoRegistration registration = reading();
        registration.submit(EpollIoOps.NONE);
        turn();
        assertThat(kernel.told).containsExactly(ops(EpollIoOps.EPOLLIN));
        kernel.speaks(EpollIoOps.EPOLLIN.value());
        assertThat(channel.got).isEmpty();
        turn();
        assertThat(kernel.told).endsWith(EpollIoOps.EPOLLERR).hasSize(2);
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        assertThat(kernel.told).endsWith(ops(EpollIoOps.EPOLLIN)).hasSize(3);
        kernel.speaks(EpollIoOps.EPOLLIN.value());
        assertThat(channel.got).containsExactly(EpollIoOps.EPOLLIN.value());
    }

    @Test
    void whatIsWantedAgainInTheTurnInWhichItComesIsNotTold() throws Exception {
        IoRegistration registration = reading();
        registration.submit(EpollIoOps.NONE);
        turn();
        kernel.speaks(EpollIoOps.EPOLLIN.value());
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        assertThat(kernel.told).hasSize(1);
    }

    @Test
    void errorsAreHandedOnAskedForOrNot() throws Exception {
        IoRegistration registration = reading();
        registration.submit(EpollIoOps.NONE);
        turn();
        kernel.speaks(EpollIoOps.EPOLLIN.value() | EpollIoOps.EPOLLERR.value() | HANG_UP);
        assertThat(channel.got).containsExactly(EpollIoOps.EPOLLERR.value() | HANG_UP);
    }

    @Test
    void whatHasEndedIsNotTold() throws Exception {
        IoRegistration registration = reading();
        registration.submit(ops(EpollIoOps.EPOLLIN, EpollIoOps.EPOLLOUT));
        registration.cancel();
        turn();
        assertThat(kernel.told).hasSize(1);
    }

    private IoRegistration reading() throws Exception {
        IoRegistration registration = epoll.register(channel);
        registration.submit(ops(EpollIoOps.EPOLLIN));
        turn();
        return registration;
    }

    private void turn() {
        epoll.run(new NoContext());
    }

    private static EpollIoOps ops(EpollIoOps... of) {
        EpollIoOps all = EpollIoOps.NONE;
        for (EpollIoOps one : of) {
            all = EpollIoOps.valueOf(all.value() | one.value());
        }
        return all;
    }

    /** Netty's handler: what it is told it would tell the kernel. */
    private static final class Kernel implements IoHandler {
        private final List<EpollIoOps> told = new ArrayList<>();
        private @Nullable EpollIoHandle handle;
        private boolean valid = true;

        private final IoRegistration registration = new IoRegistration() {
            @Override
            @SuppressWarnings("TypeParameterUnusedInFormals")
            public <T> T attachment() {
                throw new UnsupportedOperationException();
            }

            @Override
            public long submit(IoOps ops) {
                told.add((EpollIoOps) ops);
                return 0;
            }

            @Override
            public boolean isValid() {
                return valid;
            }

            @Override
            public boolean cancel() {
                valid = false;
                return true;
            }
        };

        void speaks(int events) {
            EpollIoOps ops = EpollIoOps.valueOf(events);
            EpollIoEvent event = () -> ops;
            Objects.requireNonNull(handle).handle(registration, event);
        }

        @Override
        public int run(IoHandlerContext context) {
            return 0;
        }

        @Override
        public IoRegistration register(IoHandle of) {
            handle = (EpollIoHandle) of;
            return registration;
        }

        @Override
        public void wakeup() {}

        @Override
        public boolean isCompatible(Class<? extends IoHandle> type) {
            return true;
        }
    }

    private static final class Channel implements EpollIoHandle {
        private final List<Integer> got = new ArrayList<>();

        @Override
        public FileDescriptor fd() {
            return new FileDescriptor(0);
        }

        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            got.add(((EpollIoEvent) event).ops().value());
        }

        @Override
        public void close() {}
    }

    private static final class NoContext implements IoHandlerContext {
        @Override
        public boolean canBlock() {
            return false;
        }

        @Override
        public long delayNanos(long currentTimeNanos) {
            return 0;
        }

        @Override
        public long deadlineNanos() {
            return -1;
        }
    }
}
