package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** After each class of tests: no buffer was lost. Unreachable buffers are reported when the next is allocated. */
public final class LeakGuard implements AfterAllCallback {
    @Override
    public void afterAll(ExtensionContext context) {
        for (int i = 0; i < 4; i++) {
            System.gc();
            for (int n = 0; n < 200; n++) {
                ByteBufAllocator.DEFAULT.buffer(16).release();
            }
        }
        assertThat(CountingLeakDetector.REPORTS).as("leaked buffers").isEmpty();
    }
}
