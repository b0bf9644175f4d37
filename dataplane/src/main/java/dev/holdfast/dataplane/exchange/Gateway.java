package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.stream.LiveStreams;
import dev.holdfast.dataplane.telemetry.ListenerTelemetry;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Dialer;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.dataplane.upstream.Upstream;
import io.netty.channel.EventLoop;
import org.jspecify.annotations.Nullable;

/** What every exchange needs of the data plane around it. */
public interface Gateway {
    /** The plan in force; read once per request. */
    Snapshot snapshot();

    AccessLog log();

    Metrics metrics();

    /** Of listeners of which no more is told than usual. */
    ListenerTelemetry telemetry();

    LiveStreams streams();

    boolean shuttingDown();

    /** What opens connections to backends on {@code loop}, for what is relayed and never pooled. */
    Dialer dialer(EventLoop loop);

    /** Asks for a connection on {@code loop}; answers through {@code events}, now or later, on the loop. */
    void connect(
            EventLoop loop,
            ClusterState cluster,
            RequestHead head,
            boolean fresh,
            Upstream.Events events,
            @Nullable Selection selection);
}
