package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.plan.Route;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The filters of one exchange: who has seen the request, who is waited for. */
final class Filtering implements FilterRequest {
    private final Exchange exchange;
    private FilterFactory[] chain;
    private Filter[] filters;
    private Route route;
    private String target;
    /** Held only until the request goes on, so that a stream pins no plan. */
    private @Nullable Snapshot snapshot;

    /** The filter that is asked or waited for; at the end of {@link #filters} all have let the request pass. */
    private int at;

    private boolean asking;
    private boolean waiting;
    private boolean rerouting;
    private @Nullable BodyReady wanted;
    private int most;
    private boolean local;
    /** Held likewise. */
    private Map<String, Map<String, ?>> told = Map.of();

    Filtering(Exchange exchange, FilterFactory[] chain, Snapshot snapshot, Route route, String target) {
        this.exchange = exchange;
        this.snapshot = snapshot;
        this.route = route;
        this.target = target;
        this.chain = chain;
        this.filters = new Filter[chain.length];
        for (int i = 0; i < chain.length; i++) {
            filters[i] = chain[i].filter();
        }
    }

    void run() {
        while (settled() && at < filters.length) {
            asking = true;
            Filter.Step step = filters[at].request(this);
            asking = false;
            if (exchange.finished()) {
                return;
            }
            if (step == Filter.Step.STOP) {
                waiting = true;
                exchange.downstream().reading(wanted != null);
                return;
            }
            at++;
        }
        Snapshot of = snapshot;
        snapshot = null;
        told = Map.of();
        if (of != null && !exchange.finished()) {
            exchange.act(of, route, target);
        }
    }

    /** Whether there is a route still, after a filter has asked for it to be looked up again. */
    private boolean settled() {
        Snapshot of = snapshot;
        if (!rerouting || of == null) {
            return true;
        }
        rerouting = false;
        Route again = exchange.reroute(of, target);
        if (again == null) {
            return false;
        }
        if (again != route) {
            route = again;
            List<FilterFactory> next = new ArrayList<>(List.of(chain).subList(0, at));
            List<Filter> made = new ArrayList<>(List.of(filters).subList(0, at));
            for (FilterFactory factory : of.filters(again)) {
                if (!next.contains(factory)) {
                    next.add(factory);
                    made.add(factory.filter());
                }
            }
            chain = next.toArray(FilterFactory[]::new);
            filters = made.toArray(Filter[]::new);
        }
        return true;
    }

    @Override
    public void resume() {
        assert loop().inEventLoop() && !asking;
        if (waiting && !exchange.finished()) {
            waiting = false;
            wanted = null;
            at++;
            run();
        }
    }

    @Override
    public void answer(LocalReply reply) {
        assert loop().inEventLoop();
        if (!exchange.finished()) {
            exchange.answer(reply);
        }
    }

    @Override
    public void tell(String namespace, Map<String, ?> values) {
        if (told.isEmpty()) {
            told = new HashMap<>();
        }
        told.put(namespace, values);
    }

    @Override
    public @Nullable Object told(String namespace, List<String> path) {
        Object at = told.get(namespace);
        for (String name : path) {
            at = at instanceof Map<?, ?> values ? values.get(name) : null;
        }
        return at;
    }

    // ---- the body, for a filter that wants it

    @Override
    public void body(int limit, BodyReady then) {
        most = limit;
        wanted = then;
        if (waiting) {
            exchange.downstream().reading(true);
        }
        held();
    }

    /** More of the body is held. */
    void held() {
        BodyReady then = wanted;
        if (then == null) {
            return;
        }
        Deque<Object> parts = exchange.held();
        int size = 0;
        if (parts != null) {
            for (Object part : parts) {
                size += part instanceof ByteBuf data ? data.readableBytes() : 0;
            }
        }
        if (!exchange.requestEnded() && size <= most) {
            return;
        }
        wanted = null;
        if (waiting) {
            exchange.downstream().reading(false);
        }
        CompositeByteBuf whole = Unpooled.compositeBuffer(Integer.MAX_VALUE);
        if (parts != null) {
            for (Object part : parts) {
                if (part instanceof ByteBuf data) {
                    whole.addComponent(true, data.retainedDuplicate());
                }
            }
        }
        try {
            then.ready(whole.slice(0, Math.min(size, most)), size <= most);
        } finally {
            whole.release();
        }
    }

    // ---- the answer

    /** What is to be answered instead, null to let the answer pass. */
    @Nullable
    LocalReply response(ResponseHead head, boolean own) {
        local = own;
        for (int i = Math.min(at, filters.length - 1); i >= 0; i--) {
            LocalReply instead = filters[i].response(this, head);
            if (instead != null) {
                return instead;
            }
        }
        return null;
    }

    /** What the answer's body passes through on its way to {@code client}, the backend's end; null for nothing. */
    @Nullable
    Pipe responsePipe(ResponseHead head, BodyStage.Sink client) {
        Pipe pipe = null;
        for (Filter filter : filters) {
            BodyStage stage = filter.responseBody(this, head);
            if (stage != null) {
                pipe = new Pipe(stage, pipe == null ? client : pipe);
            }
        }
        return pipe;
    }

    /** What the request's body passes through on its way to {@code backend}, the client's end; null for nothing. */
    @Nullable
    Pipe requestPipe(BodyStage.Sink backend) {
        Pipe pipe = null;
        for (int i = filters.length - 1; i >= 0; i--) {
            BodyStage stage = filters[i].requestBody(this);
            if (stage != null) {
                pipe = new Pipe(stage, pipe == null ? backend : pipe);
            }
        }
        return pipe;
    }

    void ended() {
        snapshot = null;
        for (int i = Math.min(at, filters.length - 1); i >= 0; i--) {
            filters[i].ended();
        }
    }

    // ---- views

    @Override
    public EventLoop loop() {
        return exchange.loop();
    }

    @Override
    public RequestHead head() {
        return exchange.original();
    }

    @Override
    public Downstream.Connection connection() {
        return exchange.whose();
    }

    @Override
    public boolean local() {
        return local;
    }

    @Override
    public boolean limitsHidden() {
        return exchange.limitsHidden();
    }

    @Override
    public String target() {
        return target;
    }

    @Override
    public void retarget(String changed) {
        target = changed;
    }

    @Override
    public void reroute() {
        rerouting = true;
    }

    @Override
    public String listener() {
        return exchange.listener();
    }

    @Override
    public String route() {
        return route.route();
    }

    @Override
    public String routeId() {
        return route.id();
    }

    @Override
    public @Nullable Identity identity() {
        return exchange.identity();
    }

    @Override
    public void identify(Identity identity) {
        exchange.identify(identity);
    }
}
