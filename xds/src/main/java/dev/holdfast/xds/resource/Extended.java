package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import dev.holdfast.plan.Extension;
import dev.holdfast.plan.Extension.ExtProc;
import io.envoyproxy.envoy.config.core.v3.AsyncDataSource;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.HttpUri;
import io.envoyproxy.envoy.config.core.v3.RemoteDataSource;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.dynamic_modules.v3.DynamicModuleConfig;
import io.envoyproxy.envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter;
import io.envoyproxy.envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor;
import io.envoyproxy.envoy.extensions.filters.http.ext_proc.v3.MetadataOptions;
import io.envoyproxy.envoy.extensions.filters.http.ext_proc.v3.ProcessingMode;
import io.envoyproxy.envoy.extensions.filters.http.lua.v3.LuaPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.wasm.v3.Wasm;
import io.envoyproxy.envoy.extensions.wasm.v3.EnvironmentVariables;
import io.envoyproxy.envoy.extensions.wasm.v3.PluginConfig;
import io.envoyproxy.envoy.extensions.wasm.v3.VmConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A route's extensions. For Lua filters wait in every connection manager, which take code and context from a route's
 * configuration; the others a route brings along as a chain.
 */
final class Extended {
    private static final Duration FETCH = Duration.ofSeconds(10);

    private Extended() {}

    /** Filter name to configuration. */
    static Map<String, Any> of(List<Extension> extensions) {
        Map<String, Any> out = new LinkedHashMap<>();
        List<TypedExtensionConfig> chain = new ArrayList<>();
        for (Extension extension : extensions) {
            if (extension instanceof Extension.Lua(String code, String context)) {
                out.put(HttpFilters.lua(out.size()), Proto.any(Additions.lua(lua(code), struct(context))));
            } else {
                chain.add(one(extension));
            }
        }
        if (!chain.isEmpty()) {
            out.put(HttpFilters.EXTENSIONS, Composites.chain(chain));
        }
        return out;
    }

    private static TypedExtensionConfig one(Extension extension) {
        return switch (extension) {
            case Extension.Lua lua -> throw new IllegalStateException(lua.toString());
            case ExtProc processor -> named("envoy.filters.http.ext_proc", processor(processor));
            case Extension.Wasm wasm -> named("envoy.filters.http.wasm", wasm(wasm));
            case Extension.DynamicModule(String module, String filter, String config) ->
                named(
                        "envoy.filters.http.dynamic_modules",
                        DynamicModuleFilter.newBuilder()
                                .setDynamicModuleConfig(
                                        DynamicModuleConfig.newBuilder().setName(module))
                                .setFilterName(filter)
                                .setFilterConfig(text(config))
                                .build());
        };
    }

    private static TypedExtensionConfig named(String name, Message config) {
        return TypedExtensionConfig.newBuilder()
                .setName(name)
                .setTypedConfig(Proto.any(config))
                .build();
    }

    private static LuaPerRoute lua(String code) {
        return LuaPerRoute.newBuilder()
                .setSourceCode(DataSource.newBuilder().setInlineString(code))
                .build();
    }

    private static Optional<Struct> struct(String json) {
        if (json.isEmpty()) {
            return Optional.empty();
        }
        try {
            Struct.Builder out = Struct.newBuilder();
            JsonFormat.parser().merge(json, out);
            return Optional.of(out.build());
        } catch (InvalidProtocolBufferException noObject) {
            return Optional.empty();
        }
    }

    private static Any text(String json) {
        return Proto.any(StringValue.of(json));
    }

    private static Message processor(ExtProc processor) {
        ExternalProcessor.Builder out = ExternalProcessor.newBuilder()
                .setGrpcService(Proto.grpc(processor.cluster(), processor.cluster()))
                .setFailureModeAllow(processor.failOpen())
                .setProcessingMode(mode(processor))
                .setAllowModeOverride(processor.modeOverride())
                .setObservabilityMode(processor.observing());
        processor.request().ifPresent(p -> out.addAllRequestAttributes(p.attributes()));
        processor.response().ifPresent(p -> out.addAllResponseAttributes(p.attributes()));
        if (!processor.messageTimeout().isZero()) {
            out.setMessageTimeout(Proto.duration(processor.messageTimeout()));
        }
        if (!processor.readable().isEmpty() || !processor.writable().isEmpty()) {
            out.setMetadataOptions(MetadataOptions.newBuilder()
                    .setForwardingNamespaces(
                            MetadataOptions.MetadataNamespaces.newBuilder().addAllUntyped(processor.readable()))
                    .setReceivingNamespaces(
                            MetadataOptions.MetadataNamespaces.newBuilder().addAllUntyped(processor.writable())));
        }
        return Additions.statusOnError(out.build(), processor.statusOnError());
    }

    /** What is not named is not sent. */
    private static ProcessingMode mode(ExtProc processor) {
        return ProcessingMode.newBuilder()
                .setRequestHeaderMode(headers(processor.request()))
                .setResponseHeaderMode(headers(processor.response()))
                .setRequestBodyMode(body(processor.request()))
                .setResponseBodyMode(body(processor.response()))
                .setRequestTrailerMode(trailers(processor.request()))
                .setResponseTrailerMode(trailers(processor.response()))
                .build();
    }

    private static ProcessingMode.HeaderSendMode headers(Optional<ExtProc.Part> part) {
        return part.isPresent() ? ProcessingMode.HeaderSendMode.SEND : ProcessingMode.HeaderSendMode.SKIP;
    }

    /** A body that goes both ways as it comes ends with its trailers. */
    private static ProcessingMode.HeaderSendMode trailers(Optional<ExtProc.Part> part) {
        return part.filter(p -> p.body() == ExtProc.Body.FULL_DUPLEX_STREAMED).isPresent()
                ? ProcessingMode.HeaderSendMode.SEND
                : ProcessingMode.HeaderSendMode.SKIP;
    }

    private static ProcessingMode.BodySendMode body(Optional<ExtProc.Part> part) {
        return switch (part.map(ExtProc.Part::body).orElse(ExtProc.Body.NONE)) {
            case NONE -> ProcessingMode.BodySendMode.NONE;
            case STREAMED -> ProcessingMode.BodySendMode.STREAMED;
            case BUFFERED -> ProcessingMode.BodySendMode.BUFFERED;
            case BUFFERED_PARTIAL -> ProcessingMode.BodySendMode.BUFFERED_PARTIAL;
            case FULL_DUPLEX_STREAMED -> ProcessingMode.BodySendMode.FULL_DUPLEX_STREAMED;
        };
    }

    private static Message wasm(Extension.Wasm wasm) {
        VmConfig.Builder vm = VmConfig.newBuilder()
                .setVmId(wasm.sha256())
                .setRuntime("envoy.wasm.runtime.v8")
                .setCode(AsyncDataSource.newBuilder()
                        .setRemote(RemoteDataSource.newBuilder()
                                .setSha256(wasm.sha256())
                                .setHttpUri(HttpUri.newBuilder()
                                        .setUri(wasm.uri())
                                        .setCluster(wasm.cluster())
                                        .setTimeout(Proto.duration(FETCH)))));
        if (!wasm.environment().isEmpty()) {
            vm.setEnvironmentVariables(EnvironmentVariables.newBuilder().addAllHostEnvKeys(wasm.environment()));
        }
        PluginConfig.Builder plugin = PluginConfig.newBuilder()
                .setName(wasm.name())
                .setRootId(wasm.rootId())
                .setVmConfig(vm)
                .setFailOpen(wasm.failOpen());
        if (!wasm.config().isEmpty()) {
            plugin.setConfiguration(text(wasm.config()));
        }
        return Wasm.newBuilder().setConfig(plugin).build();
    }
}
