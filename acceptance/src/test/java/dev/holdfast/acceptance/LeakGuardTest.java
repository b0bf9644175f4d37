package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.testkit.leak.CountingLeakDetector;
import dev.holdfast.testkit.leak.LeakGuard;
import io.netty.buffer.ByteBufAllocator;
import org.junit.jupiter.api.Test;

/** The guard against lost buffers can fail: one that is lost on purpose is seen. */
final class LeakGuardTest {
    private static final String HINT = "lost on purpose";

    private static void lose() {
        ByteBufAllocator.DEFAULT.buffer(16).touch(HINT);
    }

    @Test
    void aBufferThatIsLostIsSeen() {
        lose();
        await().untilAsserted(() -> {
            LeakGuard.look();
            assertThat(CountingLeakDetector.REPORTS).anyMatch(report -> report.contains(HINT));
        });
        CountingLeakDetector.REPORTS.removeIf(report -> report.contains(HINT));
    }
}
