package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Sends by the data plane's own connections, whichever thread asks. */
public final class Posts implements Exports.Post {
    private static final int MOST = 65_536;
    private static final byte[] NOTHING = new byte[0];
    /** A gRPC message: whether it is compressed, its length in four octets, and itself. */
    private static final int PREFIX = 5;

    private final Calls calls;
    private final Supplier<EventLoop> loops;
    private final UnaryOperator<String> authority;

    /** @param authority what a cluster is called by those that are asked */
    public Posts(Calls calls, Supplier<EventLoop> loops, UnaryOperator<String> authority) {
        this.calls = calls;
        this.loops = loops;
        this.authority = authority;
    }

    @Override
    public CompletableFuture<Exports.Reply> send(
            String cluster, boolean grpc, String path, Map<String, String> headers, byte[] body, Duration timeout) {
        HttpHeaders sent = new DefaultHttpHeaders();
        headers.forEach(sent::set);
        sent.set("user-agent", "holdfast");
        ByteBuf content = Unpooled.wrappedBuffer(body);
        if (grpc) {
            sent.set("content-type", "application/grpc");
            sent.set("te", "trailers");
            content =
                    Unpooled.wrappedBuffer(Unpooled.buffer(PREFIX).writeByte(0).writeInt(body.length), content);
        } else {
            sent.set("content-length", Integer.toString(body.length));
        }
        ByteBuf whole = content;
        RequestHead head = new RequestHead(
                "POST", authority.apply(cluster), path, null, grpc ? HttpProtocol.HTTP_2 : HttpProtocol.HTTP_1_1, sent);
        CompletableFuture<Exports.Reply> out = new CompletableFuture<>();
        EventLoop loop = loops.get();
        try {
            loop.execute(() ->
                    calls.send(loop, cluster, head, whole, timeout, MOST, answer -> out.complete(reply(answer, grpc))));
        } catch (RejectedExecutionException over) {
            whole.release();
            out.complete(failed("shutting_down"));
        }
        return out;
    }

    private static Exports.Reply failed(String why) {
        return new Exports.Reply(0, -1, why, NOTHING);
    }

    private static Exports.Reply reply(Calls.Answer answer, boolean grpc) {
        ProxyFailure failure = answer.failure();
        if (failure != null) {
            return failed(failure.reason());
        }
        if (!grpc) {
            return new Exports.Reply(answer.status(), -1, "", answer.body());
        }
        String status = either(answer, "grpc-status");
        String message = either(answer, "grpc-message");
        byte[] body = answer.body();
        return new Exports.Reply(
                answer.status(),
                status == null || !status.matches("[0-9]{1,3}") ? -1 : Integer.parseInt(status),
                message == null ? "" : decoded(message),
                body.length < PREFIX ? NOTHING : Arrays.copyOfRange(body, PREFIX, body.length));
    }

    private static @Nullable String either(Calls.Answer answer, String name) {
        String trailer = answer.trailers().get(name);
        return trailer == null ? answer.headers().get(name) : trailer;
    }

    private static String decoded(String message) {
        try {
            return URLDecoder.decode(message.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException asItIs) {
            return message;
        }
    }
}
