package dev.holdfast.testkit.leak;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetectorFactory;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** After each class of tests of a module that asks for it: no buffer was lost. */
public final class LeakGuard implements AfterAllCallback {
    /** Unreachable buffers are reported when the next is allocated. */
    public static void look() {
        for (int i = 0; i < 4; i++) {
            System.gc();
            for (int n = 0; n < 200; n++) {
                ByteBufAllocator.DEFAULT.buffer(16).release();
            }
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        assertThat(ResourceLeakDetectorFactory.instance().newResourceLeakDetector(ByteBuf.class))
                .as("the leak detector, which io.netty.customResourceLeakDetector names")
                .isInstanceOf(CountingLeakDetector.class);
        look();
        assertThat(CountingLeakDetector.REPORTS).as("leaked buffers").isEmpty();
    }
}
