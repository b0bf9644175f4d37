package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request as its filters see it. All calls come on {@link #loop()}. */
public interface FilterRequest {
    EventLoop loop();

    /** As it came; its headers may be changed, and go to the backend so. */
    RequestHead head();

    Downstream.Connection connection();

    /** The path and query that were routed by, or that a filter before has put in their place. */
    String target();

    /** What goes to the backend as path and query; the route stays as it is. */
    void retarget(String target);

    /**
     * Routes again by the headers as they are now, once all filters have let the request pass. The filters of a route that is
     * found so see the request too, but for those that have.
     */
    void reroute();

    String listener();

    /** {@code namespace/name} of the route; and the id of its rule and match. */
    String route();

    String routeId();

    /** Who asks, where a filter has found out. */
    @Nullable
    Identity identity();

    void identify(Identity identity);

    /** Tells later filters what one has found, under the name of Envoy's filter that does the same. */
    void tell(String namespace, Map<String, ?> values);

    /** What filters have told at a place within a namespace, null for nothing. */
    @Nullable
    Object told(String namespace, List<String> path);

    /** Whether the answer that a filter sees is the gateway's own. */
    boolean local();

    /** Whether the listener's clients are not to be told of rate limits. */
    boolean limitsHidden();

    /** Goes on after {@link Filter.Step#STOP}; without effect once the exchange has ended. */
    void resume();

    /** Answers instead of a backend; without effect once the exchange has ended. */
    void answer(LocalReply reply);

    /**
     * Collects the request's body while the filter waits; it is forwarded later all the same.
     *
     * @param most octets; a longer body is given as far as it fits, with {@code whole} false
     */
    void body(int most, BodyReady then);

    /** Takes a view of the body that is only good during the call. */
    interface BodyReady {
        void ready(ByteBuf body, boolean whole);
    }
}
