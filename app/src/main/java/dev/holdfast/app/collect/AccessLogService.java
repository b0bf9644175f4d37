package dev.holdfast.app.collect;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UInt32Value;
import dev.holdfast.dataplane.observe.Facts;
import dev.holdfast.dataplane.telemetry.Backlog;
import dev.holdfast.dataplane.telemetry.Entry;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.plan.Telemetry;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.config.core.v3.RequestMethod;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.data.accesslog.v3.AccessLogCommon;
import io.envoyproxy.envoy.data.accesslog.v3.HTTPAccessLogEntry;
import io.envoyproxy.envoy.data.accesslog.v3.HTTPRequestProperties;
import io.envoyproxy.envoy.data.accesslog.v3.HTTPResponseProperties;
import io.envoyproxy.envoy.service.accesslog.v3.StreamAccessLogsMessage;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Envoy's access log service (envoy.service.accesslog.v3). What has gathered goes in a call of its own, which ends with it: a
 * stream that stays open would be one more that a change of the collector's endpoints has to cut.
 */
final class AccessLogService implements Exports.Sink {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final String METHOD = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
    private static final int LINES_AT_ONCE = 500;
    /** A server takes messages of four by default (gRPC, "maximum receive message size"). */
    private static final int OCTETS_AT_ONCE = 1 << 20;

    private static final long PAUSE_MILLIS = 500;
    private static final long GATHER_MILLIS = 100;
    private static final java.time.Duration TIMEOUT = java.time.Duration.ofSeconds(5);
    private static final java.time.Duration QUIET = java.time.Duration.ofMinutes(1);
    /**
     * Statuses that mean that nothing was taken: PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE,
     * UNAUTHENTICATED. Some servers end the call without a word, others with an error of theirs when it has been taken.
     */
    private static final Set<Integer> REFUSED = Set.of(7, 8, 12, 14, 16);

    private final Telemetry.Sink.Service to;
    private final Exports.Post post;
    private final Backlog backlog = new Backlog();
    private final BlockingQueue<HTTPAccessLogEntry> waiting = new LinkedBlockingQueue<>();
    private final Thread sender;
    private volatile boolean over;
    private @Nullable Instant said;

    AccessLogService(Telemetry.Sink.Service to, Exports.Post post) {
        this.to = to;
        this.post = post;
        this.sender = Thread.ofVirtual().name("access-log-service").start(this::send);
    }

    /** What is asked for is taken out at once, so that nothing else of the request is held. */
    @Override
    public void line(Entry entry) {
        HTTPAccessLogEntry line = entry(entry.facts());
        if (backlog.take(line.getSerializedSize())) {
            waiting.add(line);
        }
    }

    private void lost(int lines, String why) {
        Instant now = Instant.now();
        if (said == null || java.time.Duration.between(said, now).compareTo(QUIET) > 0) {
            said = now;
            LOG.warn("{} lines of the access log for {} are lost: {}", lines, to.cluster(), why);
        }
    }

    private void send() {
        List<HTTPAccessLogEntry> some = new ArrayList<>();
        try {
            while (!over || !waiting.isEmpty()) {
                HTTPAccessLogEntry next = waiting.poll(PAUSE_MILLIS, TimeUnit.MILLISECONDS);
                if (next == null) {
                    continue;
                }
                if (!over) {
                    TimeUnit.MILLISECONDS.sleep(GATHER_MILLIS);
                }
                int octets = 0;
                while (next != null) {
                    int size = next.getSerializedSize();
                    backlog.give(size);
                    some.add(next);
                    octets += size;
                    next = some.size() < LINES_AT_ONCE && octets < OCTETS_AT_ONCE ? waiting.poll() : null;
                }
                send(some);
                some.clear();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private void send(List<HTTPAccessLogEntry> some) {
        try {
            Exports.Reply reply = post.send(to.cluster(), true, METHOD, Map.of(), message(some), TIMEOUT)
                    .join();
            if (reply.status() != 200) {
                lost(some.size(), reply.status() == 0 ? reply.message() : "status " + reply.status());
            } else if (REFUSED.contains(reply.grpcStatus())) {
                lost(some.size(), "gRPC status " + reply.grpcStatus() + " " + reply.message());
            }
        } catch (RuntimeException wrong) {
            lost(some.size(), wrong.toString());
        }
    }

    private byte[] message(List<HTTPAccessLogEntry> entries) {
        return StreamAccessLogsMessage.newBuilder()
                .setIdentifier(StreamAccessLogsMessage.Identifier.newBuilder()
                        .setNode(Node.newBuilder().setId("holdfast").setCluster("holdfast"))
                        .setLogName(to.name()))
                .setHttpLogs(StreamAccessLogsMessage.HTTPAccessLogEntries.newBuilder()
                        .addAllLogEntry(entries))
                .build()
                .toByteArray();
    }

    private HTTPAccessLogEntry entry(Facts facts) {
        AccessLogCommon.Builder common = AccessLogCommon.newBuilder()
                .setDownstreamRemoteAddress(
                        address(facts.client().remoteIp(), facts.client().remotePort()))
                .setDownstreamDirectRemoteAddress(
                        address(facts.peer().remoteIp(), facts.peer().remotePort()))
                .setStartTime(Timestamp.newBuilder()
                        .setSeconds(Math.floorDiv(facts.startedMillis(), 1000))
                        .setNanos((int) Math.floorMod(facts.startedMillis(), 1000) * 1_000_000))
                .setDuration(duration(facts.durationNanos()))
                .setUpstreamCluster(facts.cluster())
                .setRouteName(facts.route());
        if (facts.answeredNanos() >= 0) {
            common.setTimeToFirstDownstreamTxByte(duration(facts.answeredNanos()));
        }
        int colon = facts.endpoint().lastIndexOf(':');
        if (colon > 0 && facts.endpoint().substring(colon + 1).matches("[0-9]{1,5}")) {
            common.setUpstreamRemoteAddress(address(
                    facts.endpoint().substring(0, colon).replaceAll("[\\[\\]]", ""),
                    Integer.parseInt(facts.endpoint().substring(colon + 1))));
        }
        HTTPRequestProperties.Builder request = HTTPRequestProperties.newBuilder()
                .setRequestMethod(Arrays.stream(RequestMethod.values())
                        .filter(m -> m.name().equals(facts.request().method()))
                        .findFirst()
                        .orElse(RequestMethod.METHOD_UNSPECIFIED))
                .setScheme(facts.peer().tls() ? "https" : "http")
                .setAuthority(facts.request().authority())
                .setPath(facts.forwarded().target())
                .setRequestBodyBytes(facts.bytesFromClient());
        set(facts.requestHeader("user-agent"), request::setUserAgent);
        set(facts.requestHeader("referer"), request::setReferer);
        set(facts.requestHeader("x-forwarded-for"), request::setForwardedFor);
        set(facts.requestHeader("x-request-id"), request::setRequestId);
        set(facts.requestHeader("x-envoy-original-path"), request::setOriginalPath);
        HTTPResponseProperties.Builder response = HTTPResponseProperties.newBuilder()
                .setResponseCode(UInt32Value.of(facts.status()))
                .setResponseBodyBytes(facts.bytesToClient())
                .setResponseCodeDetails(facts.details());
        headers(to.requestHeaders(), facts, Facts::requestHeader, request::putRequestHeaders);
        headers(to.responseHeaders(), facts, Facts::responseHeader, response::putResponseHeaders);
        headers(to.responseTrailers(), facts, Facts::trailer, response::putResponseTrailers);
        return HTTPAccessLogEntry.newBuilder()
                .setCommonProperties(common)
                .setProtocolVersion(
                        switch (facts.request().protocol()) {
                            case HTTP_1_1 -> HTTPAccessLogEntry.HTTPVersion.HTTP11;
                            case HTTP_2 -> HTTPAccessLogEntry.HTTPVersion.HTTP2;
                            case HTTP_3 -> HTTPAccessLogEntry.HTTPVersion.HTTP3;
                        })
                .setRequest(request)
                .setResponse(response)
                .build();
    }

    private static void set(@Nullable String value, Consumer<String> to) {
        if (value != null) {
            to.accept(value);
        }
    }

    private interface Put {
        Object put(String name, String value);
    }

    private static void headers(
            List<String> names, Facts facts, BiFunction<Facts, String, @Nullable String> of, Put put) {
        for (String name : names) {
            String value = of.apply(facts, name);
            if (value != null) {
                put.put(name.toLowerCase(java.util.Locale.ROOT), value);
            }
        }
    }

    private static Duration duration(long nanos) {
        return Duration.newBuilder()
                .setSeconds(nanos / 1_000_000_000)
                .setNanos((int) (nanos % 1_000_000_000))
                .build();
    }

    private static Address address(String ip, int port) {
        return Address.newBuilder()
                .setSocketAddress(SocketAddress.newBuilder().setAddress(ip).setPortValue(port))
                .build();
    }

    @Override
    public void close() {
        over = true;
        try {
            sender.join(java.time.Duration.ofSeconds(2));
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
