package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Refuses with 503 what would probably fail; what is refused does not count. */
final class AdmissionFilter implements Filter {
    private final Admission admission;
    private boolean refused;

    AdmissionFilter(Admission admission) {
        this.admission = admission;
    }

    @Override
    public Step request(FilterRequest request) {
        double rejection = admission.rejection(System.nanoTime());
        if (rejection > 0 && ThreadLocalRandom.current().nextDouble(100) < rejection) {
            refused = true;
            request.answer(LocalReply.of(ProxyFailure.NOT_ADMITTED));
            return Step.STOP;
        }
        return Step.CONTINUE;
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        if (!refused) {
            Integer grpc = head.headers().getInt("grpc-status");
            admission.count(admission.succeeded(head.status(), grpc == null ? -1 : grpc), System.nanoTime());
        }
        return null;
    }
}
