package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.ResponseHead;
import org.jspecify.annotations.Nullable;

/** One HTTP filter at work on one request; its fields are its state. All calls come on the request's loop. */
public interface Filter {
    /** What is to become of the request after a filter has seen it. */
    enum Step {
        /** On to the next filter. */
        CONTINUE,
        /** The filter has answered, or will call {@link FilterRequest#resume} or {@link FilterRequest#answer} later, once. */
        STOP
    }

    /** Sees the request before a backend is asked. */
    default Step request(FilterRequest request) {
        return Step.CONTINUE;
    }

    /**
     * Sees the final answer's head, the gateway's own answers included; filters are asked in reverse order, and only those
     * that have seen the request. Headers may be changed in place; what is returned replaces the whole answer.
     */
    default @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        return null;
    }

    /** What the answer's body passes through; null for nothing. Asked once, after {@link #response}; never for a stream's. */
    default @Nullable BodyStage responseBody(FilterRequest request, ResponseHead head) {
        return null;
    }

    /** What the request's body passes through on its way to the backend; null for nothing. Asked once, when it is forwarded. */
    default @Nullable BodyStage requestBody(FilterRequest request) {
        return null;
    }

    /** The exchange has ended, by whomever: calls under way are given up, what is held is freed. */
    default void ended() {}
}
