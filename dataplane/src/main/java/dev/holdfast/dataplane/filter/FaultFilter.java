package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.HttpFilter;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Delays and failures on purpose (Envoy's fault filter): the delay first, then the failure. */
final class FaultFilter implements Filter {
    private final HttpFilter.Fault fault;
    private Deadlines.@Nullable Entry timer;

    FaultFilter(HttpFilter.Fault fault) {
        this.fault = fault;
    }

    @Override
    public Step request(FilterRequest request) {
        if (!fault.delay().isZero() && hit(fault.delayPercent())) {
            timer = Deadlines.of(request.loop()).in(fault.delay(), () -> {
                if (!aborts(request)) {
                    request.resume();
                }
            });
            return Step.STOP;
        }
        return aborts(request) ? Step.STOP : Step.CONTINUE;
    }

    private boolean aborts(FilterRequest request) {
        if ((fault.httpStatus() == 0 && fault.grpcStatus() < 0) || !hit(fault.abortPercent())) {
            return false;
        }
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("x-holdfast-reason", ProxyFailure.FAULT.reason());
        int status = fault.httpStatus();
        if (status == 0) {
            // A gRPC failure without a body: the status stands in the head (gRPC over HTTP/2, "Trailers-Only").
            status = 200;
            headers.set("content-type", "application/grpc");
            headers.set("grpc-status", Integer.toString(fault.grpcStatus()));
        }
        request.answer(new LocalReply(status, ProxyFailure.FAULT.reason(), headers, new byte[0]));
        return true;
    }

    private static boolean hit(double percent) {
        return percent >= 100 || ThreadLocalRandom.current().nextDouble(100) < percent;
    }

    @Override
    public void ended() {
        if (timer != null) {
            timer.cancel();
        }
    }
}
