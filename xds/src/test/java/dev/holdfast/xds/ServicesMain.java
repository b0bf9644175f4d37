package dev.holdfast.xds;

import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.RateLimitDescriptor;
import io.envoyproxy.envoy.service.ext_proc.v3.CommonResponse;
import io.envoyproxy.envoy.service.ext_proc.v3.ExternalProcessorGrpc;
import io.envoyproxy.envoy.service.ext_proc.v3.HeaderMutation;
import io.envoyproxy.envoy.service.ext_proc.v3.HeadersResponse;
import io.envoyproxy.envoy.service.ext_proc.v3.HttpHeaders;
import io.envoyproxy.envoy.service.ext_proc.v3.ImmediateResponse;
import io.envoyproxy.envoy.service.ext_proc.v3.ProcessingRequest;
import io.envoyproxy.envoy.service.ext_proc.v3.ProcessingResponse;
import io.envoyproxy.envoy.service.ratelimit.v3.RateLimitRequest;
import io.envoyproxy.envoy.service.ratelimit.v3.RateLimitResponse;
import io.envoyproxy.envoy.service.ratelimit.v3.RateLimitServiceGrpc;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import io.envoyproxy.envoy.type.v3.StatusCode;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * What Envoys ask, for e2e/: an external processor that marks requests and answers and refuses those with {@code x-deny}, and a
 * rate limit service that lets two requests of each descriptor through. Prints its port, then each descriptor asked for; ends
 * with its standard input.
 */
final class ServicesMain {
    private static final int MOST = 2;

    private ServicesMain() {}

    public static void main(String[] args) throws Exception {
        Server server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .addService(new Processor())
                .addService(new Limits())
                .build()
                .start();
        System.out.println("port " + server.getPort());
        while (System.in.read() >= 0) {
            // until the test is over
        }
        server.shutdownNow();
    }

    private static final class Processor extends ExternalProcessorGrpc.ExternalProcessorImplBase {
        @Override
        public StreamObserver<ProcessingRequest> process(StreamObserver<ProcessingResponse> out) {
            return new StreamObserver<>() {
                @Override
                public void onNext(ProcessingRequest asked) {
                    out.onNext(answer(asked));
                }

                @Override
                public void onError(Throwable gone) {}

                @Override
                public void onCompleted() {
                    out.onCompleted();
                }
            };
        }

        private static ProcessingResponse answer(ProcessingRequest asked) {
            return switch (asked.getRequestCase()) {
                case REQUEST_HEADERS ->
                    has(asked.getRequestHeaders(), "x-deny")
                            ? ProcessingResponse.newBuilder()
                                    .setImmediateResponse(ImmediateResponse.newBuilder()
                                            .setStatus(HttpStatus.newBuilder().setCode(StatusCode.Forbidden)))
                                    .build()
                            : ProcessingResponse.newBuilder()
                                    .setRequestHeaders(marked("x-processed"))
                                    .build();
                case RESPONSE_HEADERS ->
                    ProcessingResponse.newBuilder()
                            .setResponseHeaders(marked("x-answered"))
                            .build();
                default -> throw new IllegalStateException(asked.toString());
            };
        }

        private static boolean has(HttpHeaders headers, String name) {
            return headers.getHeaders().getHeadersList().stream()
                    .anyMatch(h -> h.getKey().equals(name));
        }

        private static HeadersResponse marked(String name) {
            return HeadersResponse.newBuilder()
                    .setResponse(CommonResponse.newBuilder()
                            .setHeaderMutation(HeaderMutation.newBuilder()
                                    .addSetHeaders(HeaderValueOption.newBuilder()
                                            .setHeader(HeaderValue.newBuilder()
                                                    .setKey(name)
                                                    .setRawValue(com.google.protobuf.ByteString.copyFromUtf8("yes"))))))
                    .build();
        }
    }

    private static final class Limits extends RateLimitServiceGrpc.RateLimitServiceImplBase {
        private final Map<String, Integer> seen = new ConcurrentHashMap<>();

        @Override
        public void shouldRateLimit(RateLimitRequest asked, StreamObserver<RateLimitResponse> out) {
            RateLimitResponse.Builder answer = RateLimitResponse.newBuilder().setOverallCode(RateLimitResponse.Code.OK);
            for (RateLimitDescriptor descriptor : asked.getDescriptorsList()) {
                String key = asked.getDomain() + " "
                        + descriptor.getEntriesList().stream()
                                .map(e -> e.getKey() + "=" + e.getValue())
                                .collect(Collectors.joining(","));
                int hits = descriptor.hasHitsAddend()
                        ? (int) descriptor.getHitsAddend().getValue()
                        : 1;
                System.out.println(key + (hits == 1 ? "" : " x" + hits));
                boolean over = seen.merge(key, hits, Integer::sum) > MOST;
                answer.addStatuses(RateLimitResponse.DescriptorStatus.newBuilder()
                        .setCode(over ? RateLimitResponse.Code.OVER_LIMIT : RateLimitResponse.Code.OK));
                if (over) {
                    answer.setOverallCode(RateLimitResponse.Code.OVER_LIMIT);
                }
            }
            out.onNext(answer.build());
            out.onCompleted();
        }
    }
}
